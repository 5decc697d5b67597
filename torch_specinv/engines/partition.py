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
    sets, pieces, runs = _choose_numbers(batch, count, size, threads, least_chunks)
    parts = [
        (items, frames) for items in _divide_evenly(batch, sets)
        for frames in _divide_evenly(count, pieces)
    ]  # fmt: skip
    constraint, frame_mask = problem.constraint.of_frames(places), problem.stft.frame_mask
    if frame_mask is not None:
        frame_mask = frame_mask[:, places, None]

    def chunk(number: int, run: slice) -> Chunk:
        items, frames = parts[number]
        # the first chunk of the next run
        others, theirs = parts[run.stop] if run.stop < len(parts) else (None, slice(0))
        return Chunk(
            number,
            items,
            frames,
            constraint.select(items).of_frames(frames),
            None if frame_mask is None else frame_mask[items, frames],
            overlaps_next_run=items == others and frames.stop + overlap > theirs.start,
        )

    numbers = range(len(parts))
    divided = _divide_evenly(len(parts), min(runs, len(parts)))
    return Group(
        first, step, count, tuple(tuple(chunk(i, run) for i in numbers[run]) for run in divided)
    )


def _choose_numbers(
    batch: int, count: int, size: int, threads: int, least_chunks: int
) -> tuple[int, int, int]:
    """Return into how many sets of items, pieces of their frames, and runs to divide."""
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
    return sets, pieces, runs


def _divide_evenly(count: int, parts: int) -> list[slice]:
    """Divide `count` things as evenly as can be."""
    borders = [count * i // parts for i in range(parts + 1)]
    return [slice(*pair) for pair in pairwise(borders)]
