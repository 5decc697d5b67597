"""The signals of measure_choosing.py, synthesised from fixed seeds."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

RATE = 16_000
SECONDS = 2.0


def time() -> Tensor:
    """Return the time of each sample in seconds."""
    return torch.arange(int(SECONDS * RATE), dtype=torch.float64) / RATE


def noise(seed: int) -> Tensor:
    """Return white noise."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(int(SECONDS * RATE), dtype=torch.float64, generator=generator)


def voice() -> Tensor:
    """Return a harmonic tone with vibrato through two moving and two fixed formants."""
    t = time()
    pitch = 130 * 2 ** (0.04 * torch.sin(2 * math.pi * 5.5 * t) - 0.15 * t)
    phase = 2 * math.pi * pitch.cumsum(0) / RATE
    glide = 0.5 - 0.5 * torch.cos(2 * math.pi * t / SECONDS)
    formants = ((700 - 400 * glide, 90), (1200 + 900 * glide, 110), (2600, 160), (3500, 220))
    wave = torch.zeros_like(t)
    for k in range(1, int(0.45 * RATE / 140)):
        gain = sum(1 / (1 + ((k * pitch - centre) / width) ** 2) for centre, width in formants)
        wave += (gain + 0.002) / math.sqrt(k) * torch.sin(k * phase)
    return wave + 0.003 * noise(1)


def chord() -> Tensor:
    """Return four plucked strings, one after the other, that ring and decay."""
    t = time()
    wave = torch.zeros_like(t)
    for note, start in ((196.0, 0.1), (246.9, 0.25), (293.7, 0.4), (392.0, 0.9)):
        since = (t - start).clamp_min(0)
        for k in range(1, 20):
            pitch = note * k * math.sqrt(1 + 1e-4 * k**2)
            pluck = math.sin(math.pi * 0.23 * k) / k
            tone = torch.sin(2 * math.pi * pitch * since) * torch.exp(-(0.8 + 0.35 * k) * since)
            wave += torch.where(t >= start, pluck * tone, 0)
    return wave


def bursts() -> Tensor:
    """Return noise bursts with a sharp beginning and an exponential end."""
    t = time()
    wave = 1e-4 * noise(2)
    for number, start in enumerate((0.15, 0.55, 0.8, 1.3, 1.6)):
        since = (t - start).clamp_min(0)
        wave += torch.where(t >= start, torch.exp(-25 * since), 0) * noise(10 + number)
    return wave


SIGNALS: dict[str, Callable[[], Tensor]] = {"voice": voice, "chord": chord, "bursts": bursts}
