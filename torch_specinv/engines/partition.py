"""How the frames of a batch are divided: into groups, these into runs, and these into chunks.

A group is updated at once, a run is the work of one thread, and a chunk fits in a cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from ..constraints.base import Constraint
from ..solve.problem import SpectrogramProblem


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some frames of some items, and what is known about them."""

    number: int
    """Its number among the chunks of its group."""
    items: slice
    """Its items of the batch."""
    frames: slice
    """Its frames, numbered among those of the group."""
    constraint: Constraint
    """What the spectra of these frames have to satisfy."""
    frame_mask: Tensor | None
    """Which of the frames exist, (items, frames, 1), where items have different lengths."""
    overlaps_next_run: bool
    """Whether its last frames overlap with frames of the next run, which is another thread's."""


@dataclass(frozen=True, eq=False)
class Group:
    """Frames that are updated at once: every `step`-th one."""

    first: int
    """The number of its first frame."""
    step: int
    """From one of its frames to the next: the number of groups."""
    count: int
    """How many frames it has."""
    runs: tuple[tuple[Chunk, ...], ...]
    """The chunks, in one run of successive chunks for each thread."""

    @property
    def places(self) -> slice:
        """Its frames among those of the spectrogram."""
        return slice(self.first, None, self.step)


def divide(
    problem: SpectrogramProblem,
    first: int,
    step: int,
    size: int,
    threads: int,
    overlap: int,
    least_chunks: int,
) -> Group:
    """Divide every `step`-th frame into chunks, and these into runs.

    Parameters
    ----------
    problem : SpectrogramProblem
        Whose frames to divide.
    first, step : int
        The first frame of the group, and from one of its frames to the next.
    size : int
        Frames of a chunk, about.
    threads : int
        The most runs to make.
    overlap : int
        How many of the frames of the group behind it a frame overlaps with.
    least_chunks : int
        The fewest chunks that are worth a thread.
    """
    places = slice(first, None, step)
    batch, count = len(problem.target), len(range(problem.stft.geometry.frames)[places])
    # fewer are not worth a thread; larger chunks are fewer calls, for which threads wait in turn
    runs = max(1, min(threads, batch * count // (least_chunks * size)))
    size = size if runs == 1 else 2 * size
    # short items several at a time; as many chunks for each thread
    sets = max(1, -(-batch // max(1, size // count)))
    pieces = max(1, round(count / size))
    while sets % runs and pieces == 1 and sets < batch:
        sets += 1
    while sets * pieces % runs and pieces < count:
        pieces += 1
    parts = [
        (slice(*items), slice(*frames))
        for items in pairwise(_borders(batch, sets))
        for frames in pairwise(_borders(count, pieces))
    ]
    ends = _borders(len(parts), max(1, min(runs, len(parts))))
    # at which frame of the same items the next run begins
    behind = [
        parts[end - 1][1].stop if end < len(parts) and parts[end][0] == parts[end - 1][0] else None
        for begin, end in pairwise(ends)
        for _ in range(begin, end)
    ]
    last = [parts[end - 1][0] for begin, end in pairwise(ends) for _ in range(begin, end)]
    constraint, frame_mask = problem.constraint.of_frames(places), problem.stft.frame_mask
    if frame_mask is not None:
        frame_mask = frame_mask[:, places, None]
    chunks = [
        Chunk(
            number,
            items,
            frames,
            constraint.select(items).of_frames(frames),
            None if frame_mask is None else frame_mask[items, frames],
            overlaps_next_run=border is not None
            and items == end
            and frames.stop + overlap > border,
        )
        for number, ((items, frames), border, end) in enumerate(
            zip(parts, behind, last, strict=True)
        )
    ]
    return Group(first, step, count, tuple(tuple(chunks[a:b]) for a, b in pairwise(ends)))


def _borders(count: int, parts: int) -> list[int]:
    """Return parts + 1 numbers from 0 to `count`, as evenly spaced as can be."""
    return [count * i // parts for i in range(parts + 1)]
