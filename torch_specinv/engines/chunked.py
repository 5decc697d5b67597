"""The chunked engine: the same trips a few frames at a time, in place, without gradients.

A whole spectrogram is larger than a cache, and memory for it has to be fetched from the system in
every iteration. Here frames pass through window, transform, rule, inverse transform and
overlap-add in chunks that stay in the cache, and threads take chunks of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

import torch
from torch import Tensor

from ..errors import SpecInvError
from ..solve.algorithm import Memory, PointwiseAlgorithm, Step
from ..solve.problem import SpectrogramProblem
from ..solve.solver import Solver
from ..solve.threads import Team, team_of
from ..transform.stft import restore_frames
from ..transform.windows import support_of
from .buffers import copies_of, sum_of, write_over
from .partition import Chunk, Group, divide

# Bytes of all frames of a chunk: with half of it the calls cost more, with twice of it small
# transforms fall out of the cache.
_CHUNK_BYTES = 2**19
# Samples of all items that are mixed at a time
_PIECE = 2**17
# With more threads than this they would wait for the interpreter.
_MOST_THREADS = 8


@dataclass(frozen=True, eq=False)
class ChunkedState:
    """What an iteration hands to the next. Spectra are stored frame by frame."""

    iteration: int
    shares: tuple[Tensor, ...]
    """The overlap-added frames of each group, their ends folded, (batch, padded samples)."""
    probe: Tensor
    """The padded wave to be analysed next, (batch, padded samples)."""
    memories: tuple[Memory, ...]
    """The spectral memory of each group, (batch, frames, bins)."""
    past: Memory


@dataclass(frozen=True, eq=False)
class _Route:
    """Where the frames of a chunk come from and where they go: views of padded waves."""

    chunk: Chunk
    source: Tensor
    """(items, frames, samples of the window)"""
    sinks: tuple[Tensor, ...]
    """For each block of the frames the place to which it is added, (items, frames, stride)."""
    fresh: Tensor
    """The part of `place` that no chunk before reaches."""
    place: Tensor
    """What the sinks cover."""
    own: Tensor | None
    """What is to be added to the place when all threads are done."""


class ChunkedEngine(Solver[ChunkedState]):
    """Runs an algorithm's rule on a problem, chunk by chunk.

    It uses as many threads as :func:`torch.get_num_threads` says when it is made.
    """

    def __init__(
        self, problem: SpectrogramProblem, algorithm: PointwiseAlgorithm, steps: int
    ) -> None:
        self.problem, self.algorithm, self.steps = problem, algorithm, steps
        g = problem.stft.geometry
        self._begin, self._end = support_of(g.window, g.hop_length)
        self._window = g.window[self._begin : self._end]
        element = torch.finfo(problem.target.dtype).bits // 8
        size = max(16, _CHUNK_BYTES // (element * g.n_fft))
        threads, count = (
            min(torch.get_num_threads(), _MOST_THREADS),
            min(algorithm.groups(), g.frames),
        )
        # how many blocks of one stride a frame reaches beyond its own
        overlap = (self._end - self._begin - 1) // (g.hop_length * count)
        self._groups = [
            divide(problem, first, count, size, threads, overlap) for first in range(count)
        ]
        self._overlap = overlap
        self.threads = max(len(group.runs) for group in self._groups)
        # frames are cut out of the padded wave, and added up in whole blocks, which may reach on
        self._length = max(
            g.length + 2 * g.padding,
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

    def _edges(self, group: Group, share: Tensor) -> tuple[Tensor, Tensor]:
        """Return the samples before and behind all that the frames of a group reach."""
        begin = self._offset(group)
        end = begin + self._stride(group) * (group.count + self._overlap)
        return share[:, :begin], share[:, end:]

    @torch.no_grad()
    def start(self, spectrum: Tensor) -> ChunkedState:
        """Synthesise the starting spectrum."""
        memories: list[Memory] = []
        probe, shares = self._empty(), [self._empty() for _ in self._groups]
        with team_of(self.threads) as team:
            for group, share in zip(self._groups, shares, strict=True):
                part = spectrum[..., group.places]
                memory = self.algorithm.begin(part, self.problem.constraint.of_frames(group.places))
                if any(tensor.shape != part.shape for tensor in memory):
                    raise self._refusal()
                memories.append(copies_of(tensor.mT for tensor in memory))
                self._synthesise(team, group, part.mT, share)
        wave = self._total(shares)
        self._inner(probe).copy_(wave)
        self.problem.stft.fill_ends_(probe)
        past = copies_of(self.algorithm.remember(wave))
        return ChunkedState(0, tuple(shares), probe, tuple(memories), past)

    @torch.no_grad()
    def advance(self, state: ChunkedState, until: int) -> ChunkedState:
        """Make the trips up to iteration `until`, in the memory of the state."""
        routes = [
            [[self._route(group, chunk, state.probe, share) for chunk in run] for run in group.runs]
            for group, share in zip(self._groups, state.shares, strict=True)
        ]
        held = [
            [tuple(tensor[c.items, c.frames] for tensor in memory) for c in chain(*group.runs)]
            for group, memory in zip(self._groups, state.memories, strict=True)
        ]
        with team_of(self.threads) as team:
            for number in range(state.iteration, until):
                step = Step(number, self.steps)
                parts = zip(self._groups, state.shares, routes, held, strict=True)
                for group, share, runs, memory in parts:
                    self._gather(team, group, runs, partial(self._trip, memory, step), share)
                    self._mix(team, state, step)
        for group, memory, parts in zip(self._groups, state.memories, held, strict=True):
            for c, part in zip(chain(*group.runs), parts, strict=True):
                write_over(tuple(tensor[c.items, c.frames] for tensor in memory), part)
        return ChunkedState(until, state.shares, state.probe, state.memories, state.past)

    def _route(self, group: Group, chunk: Chunk, probe: Tensor, share: Tensor) -> _Route:
        """Find the places of a chunk in padded waves."""
        stride, count = self._stride(group), chunk.frames.stop - chunk.frames.start
        begin = self._offset(group) + chunk.frames.start * stride
        part = probe[chunk.items, begin:]
        source = part.as_strided((len(part), count, len(self._window)), (part.stride(0), stride, 1))
        overlap = self._overlap
        place = share[chunk.items, begin : begin + (count + overlap) * stride]
        # another thread may be adding to the last samples
        own = torch.zeros_like(place) if chunk.apart else None
        blocks = (place if own is None else own).unflatten(1, (-1, stride))
        sinks = tuple(blocks[:, k : k + count] for k in range(overlap + 1))
        end = (count if chunk.frames.stop < group.count else count + overlap) * stride
        return _Route(chunk, source, sinks, place[:, :end], place, own)

    def _trip(self, held: list[Memory], step: Step, route: _Route) -> Tensor:
        """Take a chunk from the padded wave to the spectra of the next one."""
        g, chunk = self.problem.stft.geometry, route.chunk
        frames = route.source * self._window
        if len(self._window) < g.n_fft:
            frames = torch.nn.functional.pad(frames, (self._begin, g.n_fft - self._end))
        if chunk.present is not None:
            frames *= chunk.present
        spectrum = (torch.fft.rfft if g.onesided else torch.fft.fft)(frames, norm=g.norm)
        kept = tuple(tensor.mT for tensor in held[chunk.number])
        estimate, new = self.algorithm.rule(spectrum.mT, kept, chunk.constraint, step)
        if [(t.shape, t.dtype) for t in new] != [(t.shape, t.dtype) for t in kept]:
            raise self._refusal()
        held[chunk.number] = tuple(tensor.mT for tensor in new)
        return estimate.mT

    def _gather(
        self,
        team: Team[None],
        group: Group,
        runs: Sequence[Sequence[_Route]],
        spectra: Callable[[_Route], Tensor],
        share: Tensor,
    ) -> None:
        """Make a share of the wave of the spectra (items, frames, bins) of each chunk."""
        # folding has written there
        for edge in self._edges(group, share):
            edge.zero_()

        def add(run: Sequence[_Route]) -> None:
            for route in run:
                route.fresh.zero_()
                if route.own is not None:
                    route.own.zero_()
            for route in run:
                self._add(route, spectra(route))

        team([partial(add, run) for run in runs])
        for route in chain(*runs):
            if route.own is not None:
                route.place.add_(route.own)
        self.problem.stft.fold_ends_(share)

    def _add(self, route: _Route, spectrum: Tensor) -> None:
        """Transform spectra back and add up the frames where they overlap."""
        g = self.problem.stft.geometry
        if g.onesided:
            frames = torch.fft.irfft(spectrum, n=g.n_fft, norm=g.norm)
            frames = frames[..., self._begin : self._end].mul_(self._window)
        else:
            frames = restore_frames(spectrum, g)[..., self._begin : self._end]
        if route.chunk.present is not None:
            frames *= route.chunk.present
        # each call costs, and more with several threads: they wait for the interpreter
        stride = route.sinks[0].shape[-1]
        for sink, block in zip(route.sinks, frames.split(stride, -1), strict=True):
            (sink if block.shape[-1] == stride else sink[..., : block.shape[-1]]).add_(block)

    def _mix(self, team: Team[None], state: ChunkedState, step: Step) -> None:
        """Mix the new wave with past ones into the one to analyse next, in pieces."""
        g = self.problem.stft.geometry
        size = max(g.n_fft, _PIECE // len(state.probe))
        waves, probe = [self._inner(share) for share in state.shares], self._inner(state.probe)
        gain = self.problem.stft.gain

        def mix(pieces: Sequence[slice]) -> None:
            for part in pieces:
                kept = tuple(tensor[:, part] for tensor in state.past)
                wave = sum_of([wave[:, part] for wave in waves]) * gain[..., part]
                mixed, new = self.algorithm.mix(wave, kept, step)
                probe[:, part] = mixed
                if len(new) != len(kept):
                    raise self._refusal()
                write_over(kept, new)

        pieces = [slice(begin, begin + size) for begin in range(0, g.length, size)]
        ways = min(self.threads, max(1, len(pieces) // 4))
        team([partial(mix, pieces[i::ways]) for i in range(ways)])
        self.problem.stft.fill_ends_(state.probe)

    def _synthesise(self, team: Team[None], group: Group, spectrum: Tensor, share: Tensor) -> None:
        """Make the share of a group of its spectra (batch, frames, bins)."""
        runs = [[self._route(group, chunk, share, share) for chunk in run] for run in group.runs]

        def spectra(route: _Route) -> Tensor:
            return spectrum[route.chunk.items, route.chunk.frames]

        self._gather(team, group, runs, spectra, share)

    def _refusal(self) -> SpecInvError:
        return SpecInvError(
            f"{type(self.algorithm).__name__} does not keep tensors (batch, bins, frames), the "
            "same number of them and of the same dtypes all the time: use backend='torch'."
        )

    def _empty(self) -> Tensor:
        return self.problem.target.new_zeros(len(self.problem.target), self._length)

    def _inner(self, padded: Tensor) -> Tensor:
        """Return the part of padded waves that is the waves."""
        g = self.problem.stft.geometry
        return padded[:, g.padding : g.padding + g.length]

    def _total(self, shares: Sequence[Tensor]) -> Tensor:
        """Return the wave that the shares of all groups make."""
        return sum_of([self._inner(share) for share in shares]) * self.problem.stft.gain

    @torch.no_grad()
    def wave(self, state: ChunkedState) -> Tensor:
        """Synthesise the algorithm's answer, if that is not the last wave."""
        shares = list(state.shares)
        with team_of(self.threads) as team:
            for i, group in enumerate(self._groups):
                constraint = self.problem.constraint.of_frames(group.places)
                memory = tuple(tensor.mT for tensor in state.memories[i])
                answer = self.algorithm.answer(memory, constraint)
                if answer is not None:
                    shares[i] = self._empty()
                    self._synthesise(team, group, answer.mT, shares[i])
        return self.problem.calm(self._total(shares))

    def select(self, items: Tensor) -> ChunkedEngine:
        """Go on with some items of the batch."""
        return ChunkedEngine(self.problem.select(items), self.algorithm, self.steps)
