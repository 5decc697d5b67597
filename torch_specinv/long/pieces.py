r"""Where a long recording can be cut so that nothing changes.

An iteration looks no further than its frames reach: a sample depends on the frames that cover it,
and those on the samples that they cover. With :math:`K` frames of one window, :math:`K - 1` more
frames on each side enter with every trip. A piece that is computed with as many frames on both
sides as enter in all iterations comes out as it would in the whole recording; what the ends of
the wider piece spoil is discarded.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from ..transform.geometry import Geometry
from ..transform.sizes import ceil_div


@dataclass(frozen=True)
class Piece:
    """Frames `begin` to `end`, to be computed from the frames `low` to `high`."""

    begin: int
    end: int
    low: int
    high: int


def halo_of(geometry: Geometry, trips: int) -> int:
    """Return how many frames on either side have an influence within so many trips."""
    overlapping = ceil_div(geometry.n_fft, geometry.hop_length)
    # one trip more makes the start; the frames of the piece reach beyond its samples; and samples
    # that are hardly seen have a level near to that of others within a frame
    return (trips + 1) * (overlapping - 1) + 3 * overlapping + 1


def cut(frames: int, size: int, halo: int, groups: int) -> list[Piece]:
    """Cut `frames` into pieces of about `size`.

    Even and odd frames must stay even and odd, so pieces begin at multiples of `groups`. The last
    one has two frames at least, as the last frame alone may be of no sample.
    """
    count = ceil_div(frames, size)
    begins = {frames * i // count // groups * groups for i in range(count)}
    borders = [0, *sorted(begin for begin in begins if 0 < begin <= frames - 2), frames]
    return [
        Piece(begin, end, max(0, begin - halo) // groups * groups, min(frames, end + halo))
        for begin, end in pairwise(borders)
    ]


def samples_of(geometry: Geometry, low: int, high: int) -> tuple[int, int]:
    """Return which samples the frames `low` to `high` are the transform of, taken alone."""
    g = geometry
    begin = low * g.hop_length
    if high == g.frames:
        return begin, g.length
    return begin, begin + (high - low - 1) * g.hop_length + g.span - 2 * g.padding
