"""Where the frames of a chunk are read and added up: views of padded waves."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .partition import Chunk


@dataclass(frozen=True, eq=False)
class ChunkViews:
    """Parts of a padded wave to analyse, and of one in which frames are added up."""

    chunk: Chunk
    source: Tensor
    """The frames to analyse, (rows, frames, samples of the window)."""
    targets: tuple[Tensor, ...]
    """The samples to which each block of the frames is added, each (rows, frames, stride)."""
    first_written: Tensor
    """The part of `region` that no earlier chunk adds to: it is set to 0 first."""
    region: Tensor
    """All samples that the frames cover, (rows, samples)."""
    private: Tensor | None
    """Shaped as `region`: where frames are added up that overlap with another thread's.

    It is added to `region` when all threads are done.
    """


def find_views(
    chunk: Chunk,
    source: Tensor,
    into: Tensor,
    begin: int,
    window_length: int,
    stride: int,
    overlap: int,
    count_in_group: int,
) -> ChunkViews:
    """Find the places of a chunk in padded waves.

    Parameters
    ----------
    chunk : Chunk
        Some frames of some items.
    source, into : Tensor
        The waves to analyse and those to add to, (rows, padded samples).
    begin : int
        At which padded sample the first frame begins.
    window_length, stride : int
        Samples of a frame, and from one frame to the next.
    overlap : int
        How many blocks of one stride a frame reaches beyond its own.
    count_in_group : int
        Frames of the group; the last chunk writes all that no other does.
    """
    count = chunk.frames.stop - chunk.frames.start
    part = source[chunk.rows, begin:]
    frames = part.as_strided((len(part), count, window_length), (part.stride(0), stride, 1))
    region = into[chunk.rows, begin : begin + (count + overlap) * stride]
    # another thread may be adding to the last samples
    private = torch.zeros_like(region) if chunk.overlaps_next_run else None
    blocks = (region if private is None else private).unflatten(1, (-1, stride))
    targets = tuple(blocks[:, k : k + count] for k in range(overlap + 1))
    last = chunk.frames.stop == count_in_group
    end = (count + overlap if last else count) * stride
    return ChunkViews(chunk, frames, targets, region[:, :end], region, private)
