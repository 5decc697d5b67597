"""What the doctor's tests look at: made-up recordings, and the units of linear spectrograms."""

from __future__ import annotations

import torch

import torch_specinv
from torch_specinv import invert
from torch_specinv.comparing.signals import CLIPS


def recorded(name, sr, seconds=3.0):
    """A made-up clip as in a room, through a microphone: what is too clean is not like sound."""
    generator = torch.Generator().manual_seed(1)
    wave = CLIPS[name](sr, seconds, seed=1)
    time = torch.arange(sr // 2) / sr
    echo = torch.randn(sr // 2, generator=generator) * torch.exp(-time / 0.05)
    length = len(wave) + len(echo)
    room = torch.fft.irfft(torch.fft.rfft(wave, length) * torch.fft.rfft(echo, length), length)
    room = room[: len(wave)] * (0.2 * wave.std() / room.std())
    return wave + room + 1e-3 * torch.randn(len(wave), generator=generator)


UNITS = {
    "magnitude": lambda m: m,
    "power, transposed": lambda m: (m**2).mT,
    "dB": lambda m: 20 * m.clamp_min(1e-5).log10(),
    "natural logarithm, transposed": lambda m: m.clamp_min(1e-5).log().mT,
    "[-4, 4]": lambda m: ((20 * m.clamp_min(1e-5).log10() + 80) / 100).clamp(0, 1) * 8 - 4,
    "[0, 1]": lambda m: ((20 * m.clamp_min(1e-5).log10() + 80) / 100).clamp(0, 1),
    "log1p": lambda m: torch.log1p(m),
    "log10 of a power": lambda m: (m**2).clamp_min(1e-10).log10(),
}


def run(call, spec):
    """Run the call as a researcher would, quietly."""
    names = {
        "spec": spec,
        "torch": torch,
        "invert": lambda *a, **k: invert(*a, **k, max_iter=30, verbose=False).wave,
        "mel_to_audio": lambda *a, **k: torch_specinv.mel_to_audio(*a, **k, verbose=False),
    }
    return eval(call, names)
