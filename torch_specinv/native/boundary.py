r"""The ends of waves: what the exact inverse and the padding add to overlap-added frames.

The synthesis window is :math:`w / D_\infty`, where :math:`D_\infty` is the envelope of endless
frames. So far from both ends the overlap-added frames are the waveform already. Near an end two
things are missing: the division by the true envelope D, and the padding R for the next analysis.
Together they are :math:`R D^{-1} R^T D_\infty`. As R copies samples, this is a weighted sum of a
few samples for each sample of the waveform, written to that sample and to all its copies.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..transform.stft import STFT
from .layout import Layout


@dataclass(frozen=True, eq=False)
class Boundary:
    """Weighted sums of samples, and the samples that are set to them.

    A sample is an index into the lanes of its item, as :meth:`Layout.place` returns it. The sums of
    all items are numbered through, and so are the samples to set. All tensors are int64, but for
    the weights, which are float32.
    """

    ranges: Tensor
    """The sums and the samples to set of each item, shape (items, 4).

    A row holds the number of the item's first sum, that behind its last one, and the same two
    numbers for the samples to set.
    """
    sums: Tensor
    """The first term of each sum, shape (sums + 1,). The last entry is the number of all terms."""
    terms: Tensor
    """The sample that each term takes, shape (terms,)."""
    weights: Tensor
    """The factor of each term, shape (terms,)."""
    places: Tensor
    """The samples to set, shape (places,)."""
    fillings: Tensor
    """The sum that each of them is set to, shape (places,), counted from the item's first sum."""


def boundary_of(stft: STFT, layout: Layout, first: int, pattern: Tensor, items: int) -> Boundary:
    r"""Find the sums for both ends of each item.

    Parameters
    ----------
    stft : STFT
        The transform.
    layout : Layout
        Where in memory samples are. Sample 0 of the lanes is sample `first` of the padded wave.
    first : int
        The first sample of a frame at which the window is not 0.
    pattern : Tensor
        One period of :math:`D_\infty`, shape (hop,), float64.
    items : int
        Items of the batch, or 1 where all have the same length.

    Returns
    -------
    Boundary
        The sums, and the samples that are set to them.
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
    """Return all samples that may need a sum, as three tensors of one shape (samples,).

    These tell the item, the sample in its lanes, and the sample of the waveform that it is or
    copies, or -1 for a zero. The samples are the padding, those that it copies, and those that the
    first and the last frames cover.
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
