r"""Samples that windows hardly see, or not at all.

With ``center=False`` and a window that fades to zero, the envelope is almost 0 at the first and the
last samples. There least squares turns the slightest inconsistency of a spectrum into a click
hundreds of times louder than the signal. Noise of variance :math:`\sigma_m^2` in frame m has the
variance :math:`v = D^{-2} \sum_m w_m^2 \sigma_m^2` in the waveform, so these samples are scaled
by the Wiener gain :math:`p / (p + v)`, with p the power of other samples within about a frame.
Without inconsistency the wave stays as it is.

All of that concerns the ends of a wave, if frames are not centred. So what lies between them is
left out, and both ends, joined, are treated as a short wave.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import avg_pool1d, pad

from ..errors import SpecInvError
from .geometry import Geometry
from .sizes import ceil_div
from .windows import largest_hop


def bounds_of(poorly_covered: Tensor) -> tuple[Tensor, Tensor]:
    """Return before which sample those of the first half are, and from which on the others.

    0 and the length where there are none, for samples (length,), or (batch, length) for any item.
    """
    length = poorly_covered.shape[-1]
    marks, half = poorly_covered.reshape(-1, length).any(0).to(torch.uint8), length // 2
    front, back = pad(marks[:half], (0, length - half)), pad(marks[half:], (half, 0))
    # of equal values argmax finds the first
    head = front.any() * (length - front.flip(0).argmax())
    return head, torch.where(back.any().bool(), back.argmax(), length)


def middle_between(head: int, tail: int, g: Geometry) -> slice | None:
    """Return the hops that do not matter where only samples before `head` and from `tail` on do.

    They can be left out, with the frames that begin there: no frame that sees such a sample, and
    no sample that it is compared with, is among them. None where there are no such hops.
    """
    hop, reach = g.hop_length, ceil_div(g.n_fft, g.hop_length)
    begin, end = ceil_div(head, hop) + reach, min(tail // hop - reach, g.frames - 1)
    # copies of samples lie in the padding
    return None if g.padding or end <= begin else slice(begin, end)


def without(x: Tensor, middle: slice, size: int = 1) -> Tensor:
    """Leave out the middle of (..., samples) of hops of this size, or of (..., frames)."""
    return torch.cat([x[..., : middle.start * size], x[..., middle.stop * size :]], -1)


def with_ends(x: Tensor, ends: Tensor, middle: slice, size: int) -> Tensor:
    """Undo :func:`without`: return what `ends` were cut out of, with these ends."""
    begin, end = middle.start * size, middle.stop * size
    return torch.cat([ends[..., :begin], x[..., begin:end], ends[..., begin:]], -1)


class Coverage(NamedTuple):
    """What samples are compared with, all (length,) or (batch, length)."""

    usual: Tensor
    """Those that frames see, and not poorly."""
    counts: Tensor
    """How many of these there are nearby, or 1."""

    @classmethod
    def of(cls, poorly_covered: Tensor, envelope: Tensor, geometry: Geometry) -> Coverage:
        """Look around in a wave whose samples have that envelope."""
        usual = (envelope > 0) & ~poorly_covered
        return cls(usual, _sum_nearby(usual.to(envelope.dtype), geometry).clamp_min(1))


def calm(
    wave: Tensor,
    variance: Tensor,
    poorly_covered: Tensor,
    coverage: Coverage,
    geometry: Geometry,
) -> Tensor:
    """Return waves (batch, length) whose samples with hardly any envelope are scaled.

    `variance` is that of the noise in each sample.
    """
    squares = _sum_nearby(torch.where(coverage.usual, wave, 0).square(), geometry)
    level = squares / coverage.counts
    kept = level / torch.where(level > 0, level + variance, 1)
    return torch.where(poorly_covered, wave * kept, wave)


def _sum_nearby(x: Tensor, geometry: Geometry) -> Tensor:
    """Return the sums of (..., length) over the samples within about a frame of each.

    They are sums over whole hops, so that a piece of a recording has the same as the whole.
    """
    length, hop = x.shape[-1], geometry.hop_length
    reach = ceil_div(geometry.n_fft, hop)
    span = 2 * reach + 1
    rows = x[None] if x.ndim == 1 else x
    # sums of hops, and of hops nearby
    hops = hop * avg_pool1d(pad(rows, (0, ceil_div(length, hop) * hop - length))[:, None], hop)
    nearby = span * avg_pool1d(pad(hops, (reach, reach)), span, 1)[:, 0]
    return nearby.repeat_interleave(hop, -1)[:, :length].reshape(x.shape)


def lost_inside(seen: Tensor) -> Tensor:
    """Return how many samples that no frame covers lie between samples that are covered.

    All, if none is covered.
    """
    marks = seen.to(torch.uint8)  # of equal values argmax finds the first
    inside = len(seen) - marks.argmax() - marks.flip(0).argmax()
    return inside - seen.sum()


def refuse_lost(lost: int, geometry: Geometry) -> None:
    """Raise if so many samples are lost."""
    if lost:
        g = geometry
        raise SpecInvError(
            f"hop_length={g.hop_length} with this window loses {lost} of {g.length} samples: "
            "no frame sees them, so no method can restore them. "
            f"hop_length={largest_hop(g.window, g.hop_length)} would do."
        )
