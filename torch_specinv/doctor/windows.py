"""How much sharper peaks along frequency are under one window than under another."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from .measure import Measurement
from .units import UNITS

# Values of noise that are measured
_VALUES = 2**14
# The texture along frequency of white noise under a Hann window as long as the FFT
_OF_HANN = 0.645


def sharpness(window: Tensor) -> float:
    """Return how much sharper peaks are than under a Hann window as long as the FFT.

    It is the difference of the textures along frequency of white noise, which is that of
    recordings within some 0.1. Zeros beside a window make peaks broader; ones make them sharper.

    Parameters
    ----------
    window : Tensor
        Shape (n_fft,), real. A shorter window is padded with zeros.

    Returns
    -------
    float
        A natural logarithm.
    """
    return _sharpness(tuple(window.tolist()))


@lru_cache(maxsize=8)
def _sharpness(samples: tuple[float, ...]) -> float:
    window = torch.tensor(samples, dtype=torch.float64, device="cpu")
    frames = max(1, 2 * _VALUES // len(window))
    generator = torch.Generator(device="cpu").manual_seed(0)
    noise = torch.randn(frames, len(window), dtype=torch.float64, device="cpu", generator=generator)
    spectrum = torch.fft.rfft(noise * window).abs().mT
    return Measurement.at(spectrum[None]).texture(UNITS[0], 1.0)[0] - _OF_HANN
