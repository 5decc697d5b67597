r"""PGHI whose steps along time are the same for all bins of a peak.

From its own slope, PGHI finds in each bin the frequency that dominates there, :math:`f` in bins:

.. math:: f[m, k] = k + \frac{N^2}{2\pi\gamma} \frac{\partial \log S}{\partial k} .

All bins of a peak, down to the valleys on both sides, tell about the same sinusoid. Where the
magnitude is wrong in detail, as one that was spread out from a mel spectrogram is, they disagree,
and the phases of a peak's bins drift apart. So they all take the mean, weighted by their energy,
and advance together from frame to frame:

.. math::

    \hat f[m, p] = \frac{\sum_k S[m, k]^2 f[m, k]}{\sum_k S[m, k]^2}, \qquad
    \phi[m+1, k] - \phi[m, k] = \pi \frac{a}{N} (\hat f[m, p] + \hat f[m + 1, p']) ,

where p and p' are the peaks to which bin k belongs in the two frames. That is the phase locking of
phase vocoders (Laroche, Dolson 1999) with the derivatives of PGHI. Steps along frequency, and the
order of integration, are those of :mod:`~torch_specinv.phase.pghi`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .. import native
from ..transform.geometry import Geometry
from ..transform.stft import STFT
from .forest import TURN, is_compiled
from .initial import checked, register_phase
from .peaks import find_peaks, peak_of_each_bin
from .pghi import FLOOR, carrier, pghi, phase_of_steps, to_fixed


@checked
@register_phase("locked")
def locked(magnitude: Tensor, stft: STFT, generator: torch.Generator | None = None) -> Tensor:
    """Return the phase of PGHI with the bins of each peak locked, for (batch, bins, frames)."""
    width = stft.geometry.window_shape.width
    if width == 0:
        return pghi(magnitude, stft, generator)

    def lock(strength: Tensor, _last: Tensor, steps: Tensor) -> Tensor:
        steps[0] = locked_steps(strength, stft.geometry, width)
        return steps

    return phase_of_steps(magnitude, stft, width, lock)


def locked_steps(strength: Tensor, g: Geometry, width: float) -> Tensor:
    """Return steps along time, int32 in units of 2^-32 turns, that are those of the peaks.

    `strength` is the magnitude (batch, frames, bins), float32, from 0 to 1; `width` is that of the
    Gaussian nearest to the window.
    """
    advance, centre = TURN * g.hop_length / (2 * g.n_fft), carrier(g, strength)
    if is_compiled(strength):
        log = strength.clamp_min(FLOOR).log_()
        return native.lock(strength, log, centre, _bend(g, width), FLOOR, advance)
    ahead = mean_frequency(strength, g, width) - torch.arange(
        strength.shape[-1], device=strength.device
    )
    steps = torch.zeros_like(strength, dtype=torch.int32)
    # how far it advances beyond the centre of the bin, by the mean of the two frames
    steps[:, :-1] = to_fixed((ahead[:, :-1] + ahead[:, 1:]) * advance) + centre
    return steps


def _bend(g: Geometry, width: float) -> float:
    """Return by what differences of logarithms, two bins apart, are multiplied."""
    return g.n_fft**2 / (4 * math.pi * width)


def mean_frequency(strength: Tensor, g: Geometry, width: float) -> Tensor:
    """Return the frequency, in bins, of the peak that each bin belongs to."""
    log = strength.clamp_min(FLOOR).log_()
    frequency = torch.arange(strength.shape[-1], device=strength.device).expand_as(log).clone()
    frequency = frequency.to(log.dtype)
    frequency[..., 1:-1] += (log[..., 2:] - log[..., :-2]) * _bend(g, width)
    owner = peak_of_each_bin(strength, find_peaks(strength)[0])
    energy = strength.square().clamp_min_(FLOOR**2)
    total = torch.zeros_like(energy).scatter_add_(-1, owner, energy)
    moment = torch.zeros_like(energy).scatter_add_(-1, owner, energy * frequency)
    return (moment / total.clamp_min_(FLOOR**2)).gather(-1, owner)
