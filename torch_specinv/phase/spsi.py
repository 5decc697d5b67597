r"""Single Pass Spectrogram Inversion: follow the sinusoids through time.

A peak of the magnitude stands for a sinusoid. A parabola through the peak and its neighbours
gives its frequency :math:`k + p` bins, so from one frame to the next its phase advances by
:math:`2\pi (k + p) a / n_{fft}`. The bins down to the valleys on both sides belong to the same
sinusoid and take its phase, with the alternating sign that the window's delay brings.

The phase of a peak is that of the bin below it one frame earlier, plus the advance. So peaks
form trees with roots in the first frame, and sums along their paths are found by pointer
doubling: log2(frames) rounds over the peaks, no loop over bins or items, nor over frames but in
large blocks. Compiled code goes from frame to frame.

Phases are 64-bit integers, :math:`2^{60}` to a turn: sums are exact, and wrap at whole turns, so
that a steady tone does not drift, and neither blocks nor the rest of the batch change anything.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .. import native
from ..transform.geometry import Geometry
from ..transform.stft import STFT
from .forest import is_compiled
from .initial import checked, register_phase
from .peaks import find_peaks, peak_of_each_bin

# Units of phase in one turn
_TURN = 2**60
# Blocks of tensors have about so many bins, and so many frames at least
_BINS, _FRAMES = 2**18, 64


@checked
@register_phase("spsi")
def spsi(magnitude: Tensor, stft: STFT, _generator: torch.Generator | None = None) -> Tensor:
    """Return the phase of Single Pass Spectrogram Inversion (Beauregard, Harish, Wyse 2015)."""
    g = stft.geometry
    s = magnitude.mT
    carrier, delay = _advance_of_bins(s, g)
    phase = (native.follow if is_compiled(s) else follow)(s, carrier, g.hop_length / g.n_fft, delay)
    return phase.mT


def continue_one(magnitude: Tensor, before: Tensor, geometry: Geometry) -> Tensor:
    """Return the phase (batch, bins) of a frame, given its magnitude and the phase before it.

    All are (batch, bins), phases in radians; a phase before of 0 begins a signal.
    """
    carrier, delay = _advance_of_bins(magnitude, geometry)
    exact = before.to(_exact(before)) * (_TURN / (2 * math.pi))
    units = exact.to(torch.int64)[:, None]
    ratio = geometry.hop_length / geometry.n_fft
    turns = _turns(magnitude[:, None], carrier, ratio, delay, units)[:, 0]
    return (turns & (_TURN - 1)).to(_exact(turns)) * (2 * math.pi / _TURN)


def _advance_of_bins(s: Tensor, geometry: Geometry) -> tuple[Tensor, int]:
    """Return how far each bin's centre advances in a hop, and how the phase falls from bin to bin.

    The latter is the window's delay; both are in units.
    """
    g = geometry
    carrier = _carrier(s.shape[-1], g.hop_length, g.n_fft).to(s.device)
    return carrier, round(g.window_shape.centroid / g.n_fft * _TURN)


def follow(
    magnitude: Tensor, carrier: Tensor, ratio: float, delay: int, block: int | None = None
) -> Tensor:
    """Follow the peaks of a magnitude.

    Parameters
    ----------
    magnitude : Tensor
        Shape (batch, frames, bins), floating.
    carrier : Tensor
        How far the centre of each bin advances from frame to frame, (bins,), int64, in 2^-60 turns.
    ratio : float
        How far one bin more advances, in turns.
    delay : int
        By how much the phase of a sinusoid falls from bin to bin, in 2^-60 turns.
    block : int, optional
        Frames at a time, which changes nothing but the memory. Default: a few megabytes' worth.

    Returns
    -------
    Tensor
        The phase in radians, 0 to 2 pi, of the same shape. Compiled code, where it is there, gives
        the same.
    """
    phase = torch.empty_like(magnitude, memory_format=torch.contiguous_format)
    batch, frames, bins = magnitude.shape
    before = torch.zeros(batch, 1, bins, dtype=torch.int64, device=magnitude.device)
    block = block or max(_FRAMES, _BINS // (batch * bins))
    for first in range(0, frames, block):
        part = slice(first, first + block)
        turns = _turns(magnitude[:, part], carrier, ratio, delay, before)
        before = turns[:, -1:].clone()
        phase[:, part] = (turns & (_TURN - 1)).to(_exact(turns)) * (2 * math.pi / _TURN)
    return phase


def _exact(x: Tensor) -> torch.dtype:
    """Return the most precise floating dtype of a tensor's device."""
    # a steady tone repeats its rounding error in every frame, so the advances need more than single
    # precision wherever the device has it
    return torch.float32 if x.device.type == "mps" else torch.float64


def _turns(magnitude: Tensor, carrier: Tensor, ratio: float, delay: int, before: Tensor) -> Tensor:
    """Return the phases of a block of frames, in units, given those of the frame before it."""
    s = magnitude.to(_exact(magnitude))
    peak, flat = find_peaks(s)
    owner = peak_of_each_bin(s, peak)
    # where nothing stands out, each bin is a sinusoid of its own
    advance = carrier + _rest(torch.where(flat, 0, s), ratio)
    delays = (owner - torch.arange(s.shape[-1], device=s.device)) * delay
    return _accumulate(peak, owner, advance, torch.cat([before, delays[:, :-1]], 1)) + delays


def _carrier(bins: int, hop_length: int, n_fft: int) -> Tensor:
    """Return by how much the centre of each bin advances in a hop, (bins,), in units."""
    # exact in integers, in two steps of 30 bits
    whole = torch.arange(bins, device="cpu") * hop_length % n_fft << 30
    return (whole // n_fft << 30) + (whole % n_fft << 30) // n_fft


def _rest(s: Tensor, ratio: float) -> Tensor:
    """Return, in units, how much more a peak at each bin advances than the centre of the bin."""
    rest = torch.zeros_like(s, dtype=torch.int64)
    if s.shape[-1] > 2:
        below, at, above = s[..., :-2], s[..., 1:-1], s[..., 2:]
        curvature = below - 2 * at + above
        flat = curvature >= 0  # not a peak: no parabola opens downwards here
        shift = torch.where(flat, 0, 0.5 * (below - above) / torch.where(flat, 1, curvature))
        rest[..., 1:-1] = ((shift * ratio).frac() * _TURN).to(torch.int64)
    return rest


def _accumulate(peak: Tensor, owner: Tensor, advance: Tensor, earlier: Tensor) -> Tensor:
    """Sum advances along the path of each peak; every bin receives its owner's sum.

    `earlier` is what the phase of a bin had one frame earlier beyond that of its owner; in the
    first frame it is all of the phase.
    """
    number = peak.flatten().cumsum(0).view(peak.shape)  # of the peak at a place; 0 is none
    own = number.gather(-1, owner)
    # one frame earlier the same bin had a phase: that of its peak, delayed; the first has none
    parent = torch.cat([torch.zeros_like(own[:, :1]), own[:, :-1]], 1)[peak]
    none = parent.new_zeros(1)
    parent, turns = torch.cat([none, parent]), torch.cat([none, (advance + earlier)[peak]])
    for _ in range((peak.shape[-2] - 1).bit_length()):
        turns, parent = turns + turns[parent], parent[parent]
    return turns[own]
