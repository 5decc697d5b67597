"""What is measured of frames that arrive one by one: transforms, rules and look-aheads."""

from __future__ import annotations

#: Sample rate, n_fft and hop_length, by name
SETTINGS = {"22.05 kHz 1024/256": (22050, 1024, 256), "16 kHz 512/128": (16000, 512, 128)}
RULES = ("griffin_lim", "agla", "admm", "raar", "difference_map")
#: Frames of look-ahead, and iterations for each frame
AHEAD, ITERATIONS = (0, 1, 3), 8
