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
from ..transform.frames import restore_frames, transform_windowed
from ..transform.sizes import ceil_div
from .base import Engine, TripState, group_count
from .buffers import by_item, by_row, copies_of, rows_of, sum_of, write_over
from .chunk_views import ChunkViews, find_views
from .partition import Chunk, Group, divide

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
        self._begin, self._end = g.window_shape.support
        self._window = g.window[self._begin : self._end]
        element = torch.finfo(problem.target.dtype).bits // 8
        size = max(16, chunk_bytes // (element * g.n_fft))
        threads = min(torch.get_num_threads(), _MOST_THREADS)
        count = group_count(problem, algorithm)
        # how many blocks of one stride a frame reaches beyond its own
        overlap = ceil_div(len(self._window), g.hop_length * count) - 1
        self._groups = [
            divide(problem, first, count, size, threads, overlap, least_chunks)
            for first in range(count)
        ]
        self._overlap = overlap
        self.threads = max(len(group.runs) for group in self._groups)
        # frames are cut out of the padded wave, and added up in whole blocks, which may reach on
        self._length = max(
            g.padded_length,
            (g.frames - 1) * g.hop_length + g.n_fft,
            *(
                self._offset(group) + self._stride(group) * (group.count + self._overlap)
                for group in self._groups
            ),
        )

    def _stride(self, group: Group) -> int:
        """Return how many samples the frames of a group are apart."""
        return self.problem.stft.geometry.hop_length * group.step

    def _offset(self, group: Group) -> int:
        """Return at which padded sample the first frame of a group begins."""
        return self.problem.stft.geometry.hop_length * group.first + self._begin

    def _edges(self, group: Group, into: Tensor) -> tuple[Tensor, Tensor]:
        """Return the samples before and behind those that the frames of a group cover."""
        begin = self._offset(group)
        end = begin + self._stride(group) * (group.count + self._overlap)
        return into[:, :begin], into[:, end:]

    @torch.no_grad()
    def start(self, spectrum: Tensor) -> TripState:
        """Synthesise the starting spectrum."""
        memories: list[Memory] = []
        extrapolated, partial_waves = self._empty(), [self._empty() for _ in self._groups]
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
        wave = self._total(partial_waves)
        self._inner(extrapolated).copy_(wave)
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
            self._views(group, state.extrapolated, into)
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

    def _views(self, group: Group, extrapolated: Tensor, into: Tensor) -> list[list[ChunkViews]]:
        """Find the places of the chunks of each run in padded waves."""
        offset, stride = self._offset(group), self._stride(group)
        sizes = len(self._window), stride, self._overlap, group.count

        def views(chunk: Chunk) -> ChunkViews:
            begin = offset + chunk.frames.start * stride
            return find_views(chunk, extrapolated, into, begin, *sizes)

        return [[views(chunk) for chunk in run] for run in group.runs]

    def _trip(self, held: list[Memory], step: Step, views: ChunkViews) -> Tensor:
        """Analyse a chunk of the padded wave and apply the rule: return the next spectra."""
        g, chunk = self.problem.stft.geometry, views.chunk
        frames = views.source * self._window
        if len(self._window) < g.n_fft:
            frames = torch.nn.functional.pad(frames, (self._begin, g.n_fft - self._end))
        if chunk.frame_mask is not None:
            frames *= chunk.frame_mask
        spectrum = by_item(transform_windowed(frames, g).mT, self._each)
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
        # folding has written to the samples that no frame covers
        for edge in self._edges(group, into):
            edge.zero_()

        def add(run: Sequence[ChunkViews]) -> None:
            for views in run:
                views.first_written.zero_()
                if views.private is not None:
                    views.private.zero_()
            for views in run:
                self._add(views, spectra(views))

        workers([partial(add, run) for run in runs])
        for views in chain(*runs):
            if views.private is not None:
                views.region.add_(views.private)
        self.problem.stft.fold_ends_(into)

    def _add(self, views: ChunkViews, spectrum: Tensor) -> None:
        """Transform spectra back and add up the frames where they overlap."""
        g = self.problem.stft.geometry
        if g.onesided:
            frames = torch.fft.irfft(spectrum, n=g.n_fft, norm=g.norm)
            frames = frames[..., self._begin : self._end].mul_(self._window)
        else:
            frames = restore_frames(spectrum, g)[..., self._begin : self._end]
        if views.chunk.frame_mask is not None:
            frames *= views.chunk.frame_mask
        # each call costs, and more with several threads: they wait for the interpreter
        stride = views.targets[0].shape[-1]
        for target_, block in zip(views.targets, frames.split(stride, -1), strict=True):
            (target_ if block.shape[-1] == stride else target_[..., : block.shape[-1]]).add_(block)

    def _mix(self, workers: Workers[None], state: TripState, step: Step) -> None:
        """Mix the new wave with past ones into the one to analyse next, some samples at a time."""
        g = self.problem.stft.geometry
        size = max(g.n_fft, self._sizes["mixed_samples"] // len(state.extrapolated))
        waves = [self._inner(into) for into in state.partial_waves]
        extrapolated = self._inner(state.extrapolated)
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

        self._gather(workers, group, self._views(group, into, into), spectra, into)

    def _refusal(self) -> SpecInvError:
        return SpecInvError(
            f"{type(self.algorithm).__name__} does not keep tensors (batch, bins, frames), the "
            "same number of them and of the same dtypes all the time: use backend='torch'."
        )

    def _empty(self) -> Tensor:
        target = self.problem.target
        return target.new_zeros(target.shape[:-2].numel(), self._length)

    def _inner(self, padded: Tensor) -> Tensor:
        """Return the part of padded waves that is the waves."""
        g = self.problem.stft.geometry
        return padded[:, g.padding : g.padding + g.length]

    def _total(self, partial_waves: Sequence[Tensor]) -> Tensor:
        """Return the wave that the groups of frames add up to."""
        return sum_of([self._inner(wave) for wave in partial_waves]) * self.problem.stft.gain

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
                    partial_waves[i] = self._empty()
                    spectra = rows_of(constraint.before_synthesis(answer)).mT
                    self._synthesise(workers, group, spectra, partial_waves[i])
        return self.problem.finish(by_item(self._total(partial_waves), self._each))

    def select(self, items: Tensor) -> ChunkedEngine:
        """Go on with some items of the batch."""
        problem = self.problem.select(items)
        return ChunkedEngine(problem, self.algorithm, self.steps, **self._sizes)
