"""How the frames of a batch are divided: into groups, these into runs, and these into chunks.

A group is updated at once, a run is the work of one thread, and a chunk fits in a cache.
"""

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
    """Its number among the chunks of its group."""
    items: slice
    """Its items of the batch."""
    rows: slice
    """Its waves: the same, unless the waves of several sources are one item."""
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
    each = problem.waves_per_item
    size = ceil_div(size, each)
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
        rows = slice(each * items.start, each * items.stop)
        return Chunk(
            number,
            items,
            rows,
            frames,
            constraint.select(items).of_frames(frames),
            None if frame_mask is None else frame_mask[rows, frames],
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
