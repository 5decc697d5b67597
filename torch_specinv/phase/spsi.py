r"""Single Pass Spectrogram Inversion: follow the sinusoids through time.

A peak of the magnitude stands for a sinusoid. A parabola through the peak and its neighbours
gives its frequency :math:`k + p` bins, so from one frame to the next its phase advances by
:math:`2\pi (k + p) a / n_{fft}`. The bins down to the valleys on both sides belong to the same
sinusoid and take its phase, with the alternating sign that the window's delay brings.

The phase of a peak is that of the bin below it one frame earlier, plus the advance. So peaks
form trees with roots in the first frame, and sums along their paths are found by pointer
doubling: log2(frames) rounds over the peaks, no loop over frames, bins or items.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..transform.stft import STFT
from ..transform.windows import centroid
from .initial import register_phase
from .peaks import find_peaks, peak_of_each_bin


@register_phase("spsi")
def spsi(magnitude: Tensor, stft: STFT, _generator: torch.Generator | None = None) -> Tensor:
    """Return the phase of Single Pass Spectrogram Inversion (Beauregard, Harish, Wyse 2015)."""
    g = stft.geometry
    # a steady tone repeats its rounding error in every frame, so the advances need more than
    # single precision wherever the device has it
    exact = torch.float32 if magnitude.device.type == "mps" else torch.float64
    s = magnitude.mT.to(exact)
    peak, flat = find_peaks(s)
    owner = peak_of_each_bin(s, peak)
    advance = _advance(torch.where(flat, 0, s), g.hop_length, g.n_fft)
    # the window's delay turns the phase from each bin of a sinusoid to the next
    delay = (owner - torch.arange(s.shape[-1], device=s.device)) * (centroid(g.window) / g.n_fft)
    turns = _accumulate(peak, owner, advance, delay) + delay
    phase = 2 * math.pi * torch.remainder(turns, 1.0)
    return phase.mT.to(magnitude.dtype)


def _advance(s: Tensor, hop_length: int, n_fft: int) -> Tensor:
    """Return, in turns, how far a sinusoid at each bin advances from one frame to the next."""
    shift = torch.zeros_like(s)
    if s.shape[-1] > 2:
        below, at, above = s[..., :-2], s[..., 1:-1], s[..., 2:]
        curvature = below - 2 * at + above
        flat = curvature >= 0  # not a peak: no parabola opens downwards here
        shift[..., 1:-1] = torch.where(
            flat, 0, 0.5 * (below - above) / torch.where(flat, 1, curvature)
        )
    # the carrier is exact in integers; only the small rest is rounded
    carrier = torch.arange(s.shape[-1], device=s.device) * hop_length % n_fft
    return (carrier + shift * hop_length) / n_fft


def _accumulate(peak: Tensor, owner: Tensor, advance: Tensor, delay: Tensor) -> Tensor:
    """Sum advances and delays along the path of each peak; every bin receives its owner's sum."""
    shape = peak.shape
    row = torch.arange(shape.numel() // shape[-1], device=peak.device).view(*shape[:-1], 1)
    number = peak.flatten().cumsum(0) - 1  # of the peak at a place, in order of memory
    own = number[(owner + row * shape[-1]).flatten()].view(shape)
    # one frame earlier the same bin had a phase: that of its peak, delayed; the first has none
    parent = _one_frame_later(own, -1)[peak]
    turns = (advance + _one_frame_later(delay, 0))[peak]
    for _ in range((shape[-2] - 1).bit_length()):
        found = parent >= 0
        up = parent.clamp_min(0)
        turns = torch.where(found, torch.remainder(turns + turns[up], 1.0), turns)
        parent = torch.where(found, parent[up], parent)
    return turns[own]


def _one_frame_later(x: Tensor, first: int) -> Tensor:
    """Shift (..., frames, bins) by one frame and fill the first one."""
    shifted = torch.full_like(x, first)
    shifted[..., 1:, :] = x[..., :-1, :]
    return shifted
