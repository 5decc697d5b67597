"""How spectra are scaled, in scipy and elsewhere."""

from __future__ import annotations

import math

import torch
from torch import Tensor

#: What spectra may be divided by, beside the root of n_fft that torch.stft knows: the sum of the
#: window, as scipy.signal.stft does, or what makes them power spectral densities.
SCALINGS = ("spectrum", "psd")


def divisor(scaling: str, window: Tensor, sr: int | None) -> float:
    """Return what spectra were divided by: those of a window (win_length,) at a sample rate."""
    if scaling == "spectrum":
        return float(window.sum())
    return math.sqrt((sr or 1) * float(window.square().sum()))


def mirror_images(rows: int, whole: bool, like: Tensor) -> Tensor:
    """Return for each of so many bins how many of a two-sided spectrum it stands for, (rows, 1).

    `whole` says that the last of them is that of half the sample rate, which is its own image.
    """
    count = torch.full((rows, 1), 2.0, dtype=like.dtype, device=like.device)
    count[0] = 1
    if whole:
        count[-1] = 1
    return count
