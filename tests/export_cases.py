"""Traceable inverters: a spectrogram, transforms, and what they are compared with."""

from __future__ import annotations

import torch

from torch_specinv import invert

ALGORITHMS = ("griffin_lim", "agla", "admm", "raar", "difference_map", "amdr")

SPEC = torch.rand(2, 33, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

STFTS = {
    "usual": {},
    "hop": {"hop_length": 20},
    "not_centred": {"center": False},
    "constant": {"pad_mode": "constant", "normalized": True},
    "circular": {"pad_mode": "circular"},
    "replicate": {"pad_mode": "replicate"},
    "start": {"win_length": 40, "window_align": "start"},
    "short": {"win_length": 40},
}


def seeded():
    return torch.Generator().manual_seed(3)


def inverted(spec, algorithm, steps, init="zero", **keywords):
    """The last waveform of the plain engine."""
    result = invert(
        spec, algorithm, max_iter=steps, tol=0, eva_iter=steps, init=init, backend="torch",
        generator=seeded(), verbose=False, **keywords,
    )  # fmt: skip
    assert bool((result.history["sc"][-1] <= result.history["sc"][0]).all())  # the last is the best
    return result.wave


def distance(wave, expected):
    assert wave.shape == expected.shape
    return float((wave - expected).abs().max() / expected.abs().max())
