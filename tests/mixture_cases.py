"""What tests of mixtures share: sources, their magnitudes, and a second way to the formulas."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tests.conftest import hann, magnitude
from torch_specinv.comparing.signals import CLIPS

N_FFT, HOP = 128, 32
STFT = {"n_fft": N_FFT, "hop_length": HOP, "window": hann(N_FFT)}
RUN = {**STFT, "verbose": False}


def sources(count: int = 2, samples: int = 1600, seed: int = 3) -> Tensor:
    """Return sounds (count, samples) of about the same level, float64."""
    long = torch.stack([CLIPS[name](sr=8000, seconds=1.2, seed=seed) for name in CLIPS]).double()
    parts = [
        long[i % 2, 700 * (i // 2) + 900 : 700 * (i // 2) + 900 + samples] for i in range(count)
    ]
    waves = torch.stack(parts)
    return waves / waves.square().mean(1, keepdim=True).sqrt()


def magnitudes(waves: Tensor) -> Tensor:
    return magnitude(waves, N_FFT, hop_length=HOP)


def analyse(waves: np.ndarray) -> np.ndarray:
    """The STFT of (sources, samples) in numpy, centred and reflected."""
    w = hann(N_FFT).numpy()
    padded = np.pad(waves, ((0, 0), (N_FFT // 2, N_FFT // 2)), mode="reflect")
    count = 1 + (padded.shape[1] - N_FFT) // HOP
    frames = np.stack([padded[:, m * HOP : m * HOP + N_FFT] * w for m in range(count)], 1)
    return np.fft.rfft(frames, axis=-1)


def synthesise(spectra: np.ndarray, samples: int) -> np.ndarray:
    """The least-squares inverse, the padding folded back: a solution of the normal equations."""
    w = hann(N_FFT).numpy()
    frames = np.fft.irfft(spectra, N_FFT, axis=-1) * w
    padded = np.zeros((len(spectra), samples + N_FFT))
    envelope = np.zeros(samples + N_FFT)
    for m in range(frames.shape[1]):
        padded[:, m * HOP : m * HOP + N_FFT] += frames[:, m]
        envelope[m * HOP : m * HOP + N_FFT] += w**2
    source = np.pad(np.arange(samples), N_FFT // 2, mode="reflect")
    folded, seen = np.zeros((len(spectra), samples)), np.zeros(samples)
    for row, sums in zip(folded, padded, strict=True):
        np.add.at(row, source, sums)
    np.add.at(seen, source, envelope)
    return folded / seen


def unit(c: np.ndarray) -> np.ndarray:
    return c / np.maximum(np.abs(c), 1e-300)
