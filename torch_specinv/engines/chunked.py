"""The chunked engine: the same iterations a few frames at a time, in place, without gradients.

A whole spectrogram is larger than a cache. Here frames pass through window, transform, rule,
inverse transform and overlap-add in chunks that stay in it, and threads take chunks of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain

import torch
from torch import Tensor

from ..errors import SpecInvError
from ..solve.algorithm import Memory, PointwiseAlgorithm, Step
from ..solve.problem import SpectrogramProblem
from ..solve.threads import Workers, worker_threads
from .base import Engine, TripState, group_count
from .buffers import by_item, by_row, copies_of, rows_of, sum_of, write_over
from .chunk_views import ChunkViews
from .padded_waves import PaddedWaves
from .partition import Group, divide

# With more threads than this they would wait for the interpreter.
_MOST_THREADS = 8


class ChunkedEngine(Engine[TripState]):
    """Runs an algorithm's rule on a problem, chunk by chunk.

    It uses as many threads as :func:`torch.get_num_threads` says when it is made.

    Parameters
    ----------
    problem : SpectrogramProblem
        What to solve.
    algorithm : PointwiseAlgorithm
        Whose rule to carry out.
    steps : int
        How many iterations are planned.
    chunk_bytes : int
        Bytes of the frames of a chunk, about; it has at least 16 frames. With half of the default
        the calls cost more, with twice the default small transforms do not fit in the cache.
    mixed_samples : int
        Samples of all items that are mixed at a time, about.
    least_chunks : int
        The fewest chunks that are worth a thread.
    """

    name = "chunked"
    takes = "every pointwise rule, on a CPU, without gradients"

    @classmethod
    def obstacle(
        cls, problem: SpectrogramProblem, algorithm: PointwiseAlgorithm, steps: int
    ) -> str | None:
        """Return None for spectrograms on a CPU."""
        where = problem.target.device
        if not problem.stft.single:
            return "it takes one transform"
        return None if where.type == "cpu" else f"it runs on a CPU, but spec is on {where}"

    def __init__(
        self,
        problem: SpectrogramProblem,
        algorithm: PointwiseAlgorithm,
        steps: int,
        *,
        chunk_bytes: int = 2**19,
        mixed_samples: int = 2**17,
        least_chunks: int = 8,
    ) -> None:
        self.problem, self.algorithm, self.steps = problem, algorithm, steps
        self._each = problem.waves_per_item
        self._sizes = {
            "chunk_bytes": chunk_bytes,
            "mixed_samples": mixed_samples,
            "least_chunks": least_chunks,
        }
        g = problem.stft.geometry
        element = torch.finfo(problem.target.dtype).bits // 8
        size = max(16, chunk_bytes // (element * g.n_fft))
        threads = min(torch.get_num_threads(), _MOST_THREADS)
        count = group_count(problem, algorithm)
        self._waves = PaddedWaves(problem.stft, count)
        self._groups = [
            divide(problem, first, count, size, threads, self._waves.overlap, least_chunks)
            for first in range(count)
        ]
        self.threads = max(len(group.runs) for group in self._groups)

    @torch.no_grad()
    def start(self, spectrum: Tensor) -> TripState:
        """Synthesise the starting spectrum."""
        memories: list[Memory] = []
        extrapolated = self._waves.empty(self.problem.target)
        partial_waves = [torch.zeros_like(extrapolated) for _ in self._groups]
        with worker_threads(self.threads) as workers:
            for group, into in zip(self._groups, partial_waves, strict=True):
                constraint = self.problem.constraint.of_frames(group.places)
                part = spectrum[..., group.places]
                memory = self.algorithm.begin(part, constraint)
                if any(tensor.shape != part.shape for tensor in memory):
                    raise self._refusal()
                memories.append(copies_of(tensor.mT for tensor in memory))
                allowed = rows_of(constraint.before_synthesis(part))
                self._synthesise(workers, group, allowed.mT, into)
        wave = self._waves.total(partial_waves)
        self._waves.inner(extrapolated).copy_(wave)
        self.problem.stft.fill_ends_(extrapolated)
        past = copies_of(self.algorithm.remember(wave))
        state = TripState(0, tuple(partial_waves), extrapolated, (), past)
        state = by_item(state, self._each)
        return replace(state, memories=tuple(memories))

    @torch.no_grad()
    def advance(self, state: TripState, until: int) -> TripState:
        """Iterate up to iteration `until`, in the memory of the state."""
        result, state = replace(state, iteration=until), by_row(state, self._each)
        all_views = [
            self._waves.views(group, state.extrapolated, into)
            for group, into in zip(self._groups, state.partial_waves, strict=True)
        ]
        held = [
            [tuple(tensor[c.rows, c.frames] for tensor in memory) for c in chain(*group.runs)]
            for group, memory in zip(self._groups, state.memories, strict=True)
        ]
        with worker_threads(self.threads) as workers:
            for number in range(state.iteration, until):
                step = Step(number, self.steps)
                parts = zip(self._groups, state.partial_waves, all_views, held, strict=True)
                for group, into, runs, memory in parts:
                    self._gather(workers, group, runs, partial(self._trip, memory, step), into)
                    self._mix(workers, state, step)
        for group, memory, parts in zip(self._groups, state.memories, held, strict=True):
            for c, part in zip(chain(*group.runs), parts, strict=True):
                write_over(tuple(tensor[c.rows, c.frames] for tensor in memory), part)
        return result

    def _trip(self, held: list[Memory], step: Step, views: ChunkViews) -> Tensor:
        """Analyse a chunk of the padded wave and apply the rule: return the next spectra."""
        chunk = views.chunk
        spectrum = by_item(self._waves.analyse(views).mT, self._each)
        kept = tuple(by_item(tensor.mT, self._each) for tensor in held[chunk.number])
        estimate, new = self.algorithm.rule(spectrum, kept, chunk.constraint, step)
        if [(t.shape, t.dtype) for t in new] != [(t.shape, t.dtype) for t in kept]:
            raise self._refusal()
        held[chunk.number] = tuple(rows_of(tensor).mT for tensor in new)
        return rows_of(chunk.constraint.before_synthesis(estimate)).mT

    def _gather(
        self,
        workers: Workers[None],
        group: Group,
        runs: Sequence[Sequence[ChunkViews]],
        spectra: Callable[[ChunkViews], Tensor],
        into: Tensor,
    ) -> None:
        """Synthesise a padded wave, in place, from the spectra (items, frames, bins) of chunks."""
        self._waves.clear_edges(group, into)

        def add(run: Sequence[ChunkViews]) -> None:
            for views in run:
                views.first_written.zero_()
                if views.private is not None:
                    views.private.zero_()
            for views in run:
                self._waves.add(views, spectra(views))

        workers([partial(add, run) for run in runs])
        for views in chain(*runs):
            if views.private is not None:
                views.region.add_(views.private)
        self.problem.stft.fold_ends_(into)

    def _mix(self, workers: Workers[None], state: TripState, step: Step) -> None:
        """Mix the new wave with past ones into the one to analyse next, some samples at a time."""
        g = self.problem.stft.geometry
        size = max(g.n_fft, self._sizes["mixed_samples"] // len(state.extrapolated))
        waves = [self._waves.inner(into) for into in state.partial_waves]
        extrapolated = self._waves.inner(state.extrapolated)
        gain = self.problem.stft.gain

        def mix(pieces: Sequence[slice]) -> None:
            for part in pieces:
                kept = tuple(tensor[:, part] for tensor in state.past)
                wave = sum_of([wave[:, part] for wave in waves]) * gain[..., part]
                mixed, new = self.algorithm.mix(wave, kept, step)
                extrapolated[:, part] = mixed
                if len(new) != len(kept):
                    raise self._refusal()
                write_over(kept, new)

        pieces = [slice(begin, begin + size) for begin in range(0, g.length, size)]
        ways = min(self.threads, max(1, len(pieces) // 4))
        workers([partial(mix, pieces[i::ways]) for i in range(ways)])
        self.problem.stft.fill_ends_(state.extrapolated)

    def _synthesise(
        self, workers: Workers[None], group: Group, spectrum: Tensor, into: Tensor
    ) -> None:
        """Add up the frames of a group, of its spectra (batch, frames, bins)."""

        def spectra(views: ChunkViews) -> Tensor:
            return spectrum[views.chunk.rows, views.chunk.frames]

        self._gather(workers, group, self._waves.views(group, into, into), spectra, into)

    def _refusal(self) -> SpecInvError:
        return SpecInvError(
            f"{type(self.algorithm).__name__} does not keep tensors (batch, bins, frames), the "
            "same number of them and of the same dtypes all the time: use backend='torch'."
        )

    @torch.no_grad()
    def wave(self, state: TripState) -> Tensor:
        """Synthesise the algorithm's answer, if that is not the last wave."""
        partial_waves = list(by_row(state, self._each).partial_waves)
        with worker_threads(self.threads) as workers:
            for i, group in enumerate(self._groups):
                constraint = self.problem.constraint.of_frames(group.places)
                memory = tuple(tensor.mT for tensor in state.memories[i])
                answer = self.algorithm.answer(memory, constraint)
                if answer is not None:
                    partial_waves[i] = self._waves.empty(self.problem.target)
                    spectra = rows_of(constraint.before_synthesis(answer)).mT
                    self._synthesise(workers, group, spectra, partial_waves[i])
        return self.problem.finish(by_item(self._waves.total(partial_waves), self._each))

    def select(self, items: Tensor) -> ChunkedEngine:
        """Go on with some items of the batch."""
        problem = self.problem.select(items)
        return ChunkedEngine(problem, self.algorithm, self.steps, **self._sizes)
