"""What the tests of L-BFGS share: transforms to invert, with and without parameters."""

from __future__ import annotations

import math

import torch
from torch import nn

from tests.conftest import hann


def seeded():
    return torch.Generator().manual_seed(3)


def power_mel(wave):
    """Triangles over the bins of a power spectrogram: a small mel bank of the test's own."""
    spec = torch.stft(wave, 128, window=hann(128, wave.dtype), return_complex=True)
    centres = torch.linspace(0, 64, 14)[1:-1, None]
    bank = (1 - (torch.arange(65) - centres).abs() / 5).clamp_min(0).to(wave.dtype)
    return bank @ spec.abs().square()


def log_mel(wave):
    return (power_mel(wave) + 1e-3).log()


def constant_q(wave):
    """A small constant-Q transform: one complex filter for each of three octaves' notes."""
    time = torch.arange(-256, 257, dtype=wave.dtype)
    filters = []
    for note in range(18):
        frequency = 0.03 * 2 ** (note / 6)
        width = 6 / frequency
        envelope = torch.exp(-0.5 * (time / width) ** 2) / width
        filters.append(envelope * torch.exp(2j * math.pi * frequency * time))
    bank = torch.stack(filters)
    flat = wave.reshape(-1, 1, wave.shape[-1])
    parts = [
        torch.nn.functional.conv1d(flat, part[:, None], stride=32, padding=256)
        for part in (bank.real, bank.imag)
    ]
    return torch.complex(*parts).abs().reshape(*wave.shape[:-1], 18, -1)


def many_resolutions(wave):
    parts = [
        torch.stft(wave, n, n // 4, window=hann(n, wave.dtype), return_complex=True).abs()
        for n in (64, 128, 256)
    ]
    return torch.cat([part.flatten(-2) for part in parts], -1)


class Learnable(nn.Module):
    """A transform with parameters."""

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(1 + torch.arange(33, dtype=torch.float64)[:, None] / 33)

    def forward(self, wave):
        spec = torch.stft(wave, 64, window=hann(64), return_complex=True)
        return (self.gain * spec.abs().square() + 1e-2).sqrt()


TRANSFORMS = {
    "power mel": power_mel,
    "log mel": log_mel,
    "constant q": constant_q,
    "many resolutions": many_resolutions,
    "module": Learnable(),
}
