"""How the frames of a batch are divided: into groups that take turns, runs, and chunks."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from ..constraints.base import Constraint
from ..solve.problem import SpectrogramProblem
from ..transform.sizes import ceil_div


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some frames of some items, and what is known about them."""

    number: int
    """Among the chunks of its group."""
    items: slice
    frames: slice
    """Among those of the group."""
    constraint: Constraint
    frame_mask: Tensor | None
    overlaps_next_run: bool
    """Whether some of the frames that it overlaps with at its end are another run's."""


@dataclass(frozen=True, eq=False)
class Group:
    """Frames that make a trip together: every `step`-th."""

    first: int
    step: int
    count: int
    runs: tuple[tuple[Chunk, ...], ...]
    """Chunks one after the other; a run for each thread."""

    @property
    def places(self) -> slice:
        """Which frames these are."""
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
    """Divide every `step`-th frame into chunks of about `size` frames and into runs.

    A frame reaches as many blocks of one stride beyond its own as `overlap` says, and a thread has
    `least_chunks` to do, at least.
    """
    places = slice(first, None, step)
    batch, count = len(problem.target), len(range(problem.stft.geometry.frames)[places])
    # fewer are not worth a thread; larger chunks are fewer calls, for which threads wait in turn
    runs = max(1, min(threads, batch * count // (least_chunks * size)))
    size = size if runs == 1 else 2 * size
    # short items several at a time; as many chunks for each thread
    sets = max(1, ceil_div(batch, max(1, size // count)))
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
    """Divide `count` things as evenly as can be."""
    return [count * i // parts for i in range(parts + 1)]
