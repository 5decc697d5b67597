r"""What happens to the ends of waves between two trips, as a few sums.

Frames are windowed by :math:`w / D_\infty`, with :math:`D_\infty` the envelope of frames without
end, so that far from both ends their sum is the waveform already. Near them
:math:`R D^{-1} R^T D_\infty` is left of the exact inverse and the padding R. As R copies samples,
this is a sum of a few samples for each one that something is a copy of, to be written wherever
there is a copy.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..transform.stft import STFT
from .layout import Layout


@dataclass(frozen=True, eq=False)
class Boundary:
    """Sums of samples and the places that they fill. Samples are places in the lanes of an item."""

    ranges: Tensor
    """From which to which sum, and from which to which filling, for each item, (items, 4)."""
    sums: Tensor
    """With which term each sum begins, and where the last one ends."""
    terms: Tensor
    """Which sample is added,"""
    weights: Tensor
    """times what."""
    places: Tensor
    """Which sample is filled,"""
    fillings: Tensor
    """with which of the item's sums."""


def boundary_of(stft: STFT, layout: Layout, first: int, pattern: Tensor, items: int) -> Boundary:
    r"""Find the edges of `items` items.

    Parameters
    ----------
    stft : STFT
        The transform.
    layout : Layout
        Where in memory samples are; sample 0 is number `first` of the padded wave.
    first : int
        Where in a frame of the transform the window begins.
    pattern : Tensor
        A period of :math:`D_\infty`, float64.
    items : int
        How many.
    """
    g, hop, support = stft.geometry, layout.hop, layout.support
    frames = stft.lengths_and_last_frames(items)[1].unsqueeze(1) + 1
    item, sample, origin = _near_the_ends(stft, first, items)
    frames = frames[item, 0]
    seen = (origin >= 0) & (sample < (frames - 1) * hop + support)
    # a copy of nothing is a sum of nothing
    key = item * (g.length + 1) + torch.where(origin >= 0, origin, g.length)
    _, which, copies = torch.unique(key, return_inverse=True, return_counts=True)
    gain = stft.gain.expand(items, -1)
    far = (sample >= support - hop) & (sample < frames * hop) & (origin >= 0)
    far &= gain[item, origin] > 0
    left = ~(far & (copies[which] == 1))
    item, sample, origin, seen, key = (x[left] for x in (item, sample, origin, seen, key))

    keys, which = torch.unique(key, return_inverse=True)
    begin = torch.searchsorted(keys, torch.arange(items + 1, device=key.device) * (g.length + 1))
    order = which[seen].argsort(stable=True)
    terms, counts = sample[seen][order], torch.bincount(which[seen], minlength=len(keys))
    gain = gain[item[seen], origin[seen]][order].double()

    held = sample < layout.frames * hop
    fills = torch.nn.functional.pad(torch.bincount(item[held], minlength=items).cumsum(0), (1, 0))
    return Boundary(
        ranges=torch.stack([begin[:-1], begin[1:], fills[:-1], fills[1:]], 1),
        sums=torch.nn.functional.pad(counts.cumsum(0), (1, 0)),
        terms=layout.place(terms),
        weights=(gain * pattern[terms % hop]).float(),
        places=layout.place(sample[held]),
        fillings=(which - begin[item])[held],
    )


def _near_the_ends(stft: STFT, first: int, items: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return item, sample in the lanes, and the sample of the waveform that it copies, or -1.

    These are all samples that are padding, that padding is a copy of, or that the first and the
    last frames reach.
    """
    g = stft.geometry
    device = g.window.device
    lengths = stft.lengths_and_last_frames(items)[0].unsqueeze(1)
    end = lengths + 2 * g.padding - first
    reach = 2 * g.padding + g.n_fft + g.hop_length + 2
    k = torch.arange(2 * reach, device=device)
    sample = torch.where(k < reach, k, (end - 2 * reach).clamp_min(0) + k)
    inner = sample + first - g.padding
    # numbered samples, padded
    numbers = torch.arange(1, g.length + 1, dtype=torch.int32, device=device)
    copied = stft.pad(numbers.expand(items, -1)) - 1
    place = (sample + first).clamp_max(copied.shape[1] - 1)
    origin = torch.where((inner >= 0) & (inner < lengths), inner, copied.gather(1, place))
    item = torch.arange(items, device=device).unsqueeze(1).expand_as(sample)
    inside = sample < end
    return item[inside], sample[inside], origin[inside]
