"""What the pages of the documentation that play sounds have in common."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import torch
from IPython.display import HTML
from torch import Tensor

from torch_specinv import STFT, example, griffin_lim, invert, metrics, phase_init
from torch_specinv.players import audio_element

SETTINGS = {"n_fft": 1024, "hop_length": 256, "window": torch.hann_window(1024)}


def players(sounds: dict[str, tuple[Tensor, str]], sr: int) -> HTML:
    """Return a table of sounds by name, each a waveform (samples,) and what is said of it."""
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{labelled(audio_element(wave, sr), name)}</td>"
        f"<td>{escape(said)}</td></tr>"
        for name, (wave, said) in sounds.items()
    )
    return HTML(f'<table class="players"><tbody>{rows}</tbody></table>')


def labelled(player: str, name: str) -> str:
    """Return a player with its name for screen readers."""
    return player.replace("<audio ", f'<audio aria-label="{escape(name)}" ')


def phase_alone(magnitude: Tensor, method: str, length: int) -> Tensor:
    """Return the waveform of a magnitude with an initial phase, not iterated."""
    spectrum = phase_init(magnitude, method=method, length=length, **SETTINGS)
    stft = STFT.of(spectrum[None], length=length, **SETTINGS)
    return stft.synthesise(spectrum[None])[0]


def inverted(magnitude: Tensor, truth: Tensor, sr: int) -> HTML:
    """Invert a magnitude (bins, frames) in several ways; SC compares with the true magnitude."""
    length = len(truth)
    run = {"length": length, "verbose": False, **SETTINGS}
    ways: dict[str, Callable[[], Tensor]] = {
        "zero phase": lambda: phase_alone(magnitude, "zero", length),
        "random phase": lambda: phase_alone(magnitude, "random", length),
        "PGHI, no iterations": lambda: phase_alone(magnitude, "pghi", length),
        "griffin_lim, 32 iterations": lambda: griffin_lim(magnitude, 32, **run),
        "auto, 32 iterations": lambda: invert(magnitude, max_iter=32, **run).wave,
    }
    stft = STFT.of_wave(truth, **SETTINGS)
    sounds = {"the recording": (truth, "")}
    for name, invert_it in ways.items():
        wave = invert_it()
        sounds[name] = (wave, f"SC {float(metrics.sc(stft(wave), stft(truth))):.1f} dB")
    return players(sounds, sr)


def before_and_after() -> HTML:
    """Return what the front page plays: a recording, and waveforms of its magnitude alone."""
    wave, sr = example("speech")
    wave = wave[: 2 * sr]
    magnitude = STFT.of_wave(wave, **SETTINGS)(wave)
    run = {"length": len(wave), "verbose": False, **SETTINGS}
    return players(
        {
            "The recording": (wave, ""),
            "Its magnitude with random phases": (phase_alone(magnitude, "random", len(wave)), ""),
            "griffin_lim(magnitude)": (griffin_lim(magnitude, 32, **run), "32 iterations"),
            "invert(magnitude)": (invert(magnitude, max_iter=32, **run).wave, "32 iterations"),
        },
        sr,
    )
