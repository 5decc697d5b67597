"""The chunked engine: the same trips a few frames at a time, in place, without gradients.

A whole spectrogram is larger than a cache, and memory for it has to be fetched from the system in
every iteration. Here frames pass through window, transform, rule, inverse transform and
overlap-add in chunks that stay in the cache, and what is kept is written where it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from ...errors import SpecInvError
from ...stft import restore_frames
from ..algorithm import Memory, PointwiseAlgorithm, Step
from ..problem import Constraint, SpectrogramProblem
from ..solver import Solver

# Bytes of all frames of a chunk: with half of it the calls cost more, with twice of it small
# transforms fall out of the cache.
_CHUNK_BYTES = 2**19
# Samples of all items that are mixed at a time
_PIECE = 2**17


@dataclass(frozen=True, eq=False)
class ChunkedState:
    """What an iteration hands to the next. Spectra are stored frame by frame."""

    iteration: int
    shares: tuple[Tensor, ...]
    """The overlap-added frames of each group, (batch, padded samples)."""
    probe: Tensor
    """The padded wave to be analysed next, (batch, padded samples)."""
    memories: tuple[Memory, ...]
    """The spectral memory of each group, (batch, frames, bins)."""
    past: Memory


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Some frames of some items, and what is known about them."""

    items: slice
    frames: slice
    """Among those of the group."""
    constraint: Constraint
    present: Tensor | None


@dataclass(frozen=True, eq=False)
class _Group:
    """Frames that make a trip together: every `step`-th."""

    first: int
    step: int
    count: int
    chunks: tuple[_Chunk, ...]


class ChunkedEngine(Solver[ChunkedState]):
    """Runs an algorithm's rule on a problem, chunk by chunk."""

    def __init__(
        self, problem: SpectrogramProblem, algorithm: PointwiseAlgorithm, steps: int
    ) -> None:
        self.problem, self.algorithm, self.steps = problem, algorithm, steps
        g = problem.stft.geometry
        support = g.window.abs().nonzero().flatten()
        self._begin, self._end = int(support[0]), int(support[-1]) + 1
        self._window = g.window[self._begin : self._end]
        element = torch.finfo(problem.target.dtype).bits // 8
        self._size = max(16, _CHUNK_BYTES // (element * g.n_fft))
        count = min(algorithm.groups(), g.frames)
        self._groups = [self._group(first, count) for first in range(count)]
        # frames are cut out of the padded wave, and added up in whole blocks, which may reach on
        self._length = max(
            g.length + 2 * g.padding,
            (g.frames - 1) * g.hop_length + g.n_fft,
            *(
                group.first * g.hop_length + self._begin + self._blocks(group) * self._stride(group)
                for group in self._groups
            ),
        )

    def _group(self, first: int, step: int) -> _Group:
        """Divide every `step`-th frame into chunks."""
        stft, constraint = self.problem.stft, self.problem.constraint
        batch, frames = len(self.problem.target), stft.geometry.frames
        places = slice(first, None, step)
        count = len(range(frames)[places])
        constraint = constraint.of_frames(places)
        present = None if stft.present is None else stft.present[:, places, None]
        # as even as can be; short items several at a time
        chunks = max(1, round(count / self._size))
        borders = [count * i // chunks for i in range(chunks + 1)]
        together = max(1, self._size // max(count, 1))
        return _Group(
            first,
            step,
            count,
            tuple(
                _Chunk(
                    items,
                    part,
                    constraint.select(items).of_frames(part),
                    None if present is None else present[items, part],
                )
                for item in range(0, batch, together)
                for items in [slice(item, item + together)]
                for a, b in pairwise(borders)
                for part in [slice(a, b)]
            ),
        )

    def _stride(self, group: _Group) -> int:
        """Return how many samples the frames of a group are apart."""
        return self.problem.stft.geometry.hop_length * group.step

    def _blocks(self, group: _Group) -> int:
        """Return how many blocks of one stride the frames of a group fill."""
        return group.count - 1 - (self._begin - self._end) // self._stride(group)

    @torch.no_grad()
    def start(self, spectrum: Tensor) -> ChunkedState:
        """Synthesise the starting spectrum."""
        constraint = self.problem.constraint
        shares: list[Tensor] = []
        memories: list[Memory] = []
        for group in self._groups:
            places = slice(group.first, None, group.step)
            part = spectrum[..., places]
            shares.append(self._synthesise(group, part.mT))
            memory = self.algorithm.begin(part, constraint.of_frames(places))
            if any(tensor.shape != part.shape for tensor in memory):
                raise self._refusal()
            memories.append(tuple(tensor.mT for tensor in memory))
        wave = self._merge(shares)
        past = self.algorithm.remember(wave)
        return ChunkedState(0, tuple(shares), self._pad(wave), tuple(memories), past)

    @torch.no_grad()
    def advance(self, state: ChunkedState, until: int) -> ChunkedState:
        """Make the trips up to iteration `until`."""
        # a state is a value: what is changed below is a copy
        probe, past, shares = state.probe.clone(), _copies(state.past), list(state.shares)
        fresh = [torch.empty_like(share) for share in shares]
        work = torch.empty_like(probe)
        memories = [_copies(memory) for memory in state.memories]
        stft = self.problem.stft
        for number in range(state.iteration, until):
            step = Step(number, self.steps)
            for i, group in enumerate(self._groups):
                shares[i] = fresh[i].zero_()
                for chunk in group.chunks:
                    self._trip(group, chunk, probe, memories[i], shares[i], step)
                work.copy_(shares[0])
                for share in shares[1:]:
                    work += share
                self._mix(stft.merge_(work), past, probe, step)
                stft.fill_ends_(probe)
        return ChunkedState(until, tuple(shares), probe, tuple(memories), past)

    def _mix(self, wave: Tensor, past: Memory, probe: Tensor, step: Step) -> None:
        """Mix the new wave with past ones into the inner part of the padded one, in pieces."""
        g = self.problem.stft.geometry
        size = max(g.n_fft, _PIECE // len(wave))
        for begin in range(0, g.length, size):
            part = slice(begin, min(begin + size, g.length))
            kept = tuple(tensor[:, part] for tensor in past)
            mixed, new = self.algorithm.mix(wave[:, part], kept, step)
            probe[:, g.padding + part.start : g.padding + part.stop] = mixed
            _write(kept, new)

    def _trip(
        self,
        group: _Group,
        chunk: _Chunk,
        probe: Tensor,
        memory: Memory,
        share: Tensor,
        step: Step,
    ) -> None:
        """Take a chunk from the padded wave to its share of the next one."""
        g = self.problem.stft.geometry
        stride, offset = self._stride(group), group.first * g.hop_length + self._begin
        part = probe[chunk.items, offset + chunk.frames.start * stride :]
        shape = (part.shape[0], chunk.frames.stop - chunk.frames.start, len(self._window))
        cut = part.as_strided(shape, (part.stride(0), stride, 1))
        frames = cut * self._window
        if len(self._window) < g.n_fft:
            frames = torch.nn.functional.pad(frames, (self._begin, g.n_fft - self._end))
        if chunk.present is not None:
            frames *= chunk.present
        spectrum = (torch.fft.rfft if g.onesided else torch.fft.fft)(frames, norm=g.norm)
        kept = tuple(tensor[chunk.items, chunk.frames].mT for tensor in memory)
        estimate, new = self.algorithm.rule(spectrum.mT, kept, chunk.constraint, step)
        # the estimate may be part of the old memory, so it is used before that is written over
        self._add(group, chunk, estimate.mT, share)
        if [(t.shape, t.dtype) for t in new] != [(t.shape, t.dtype) for t in kept]:
            raise self._refusal()
        _write(kept, new)

    def _refusal(self) -> SpecInvError:
        return SpecInvError(
            f"{type(self.algorithm).__name__} does not keep tensors (batch, bins, frames), the "
            "same number of them and of the same dtypes all the time: use backend='torch'."
        )

    def _add(self, group: _Group, chunk: _Chunk, spectrum: Tensor, share: Tensor) -> None:
        """Transform spectra (items, frames, bins) back and add them up where they overlap."""
        g = self.problem.stft.geometry
        frames = restore_frames(spectrum, g)[..., self._begin : self._end]
        if chunk.present is not None:
            frames *= chunk.present
        stride, offset = self._stride(group), group.first * g.hop_length + self._begin
        blocks = share[chunk.items, offset : offset + self._blocks(group) * stride]
        blocks = blocks.unflatten(1, (-1, stride))
        for k, begin in enumerate(range(0, frames.shape[-1], stride)):
            block = frames[..., begin : begin + stride]
            places = blocks[:, chunk.frames.start + k : chunk.frames.stop + k]
            places[..., : block.shape[-1]] += block

    def _synthesise(self, group: _Group, spectrum: Tensor) -> Tensor:
        """Return the share of a group from its spectra (batch, frames, bins)."""
        share = self.problem.target.new_zeros(len(spectrum), self._length)
        for chunk in group.chunks:
            self._add(group, chunk, spectrum[chunk.items, chunk.frames], share)
        return share

    def _merge(self, shares: list[Tensor]) -> Tensor:
        """Return the wave that the shares of all groups make."""
        total = shares[0]
        for share in shares[1:]:
            total = total + share
        return self.problem.stft.merge(total)

    def _pad(self, wave: Tensor) -> Tensor:
        padded = self.problem.stft.pad(wave)
        missing = self._length - padded.shape[-1]
        return torch.nn.functional.pad(padded, (0, missing)) if missing > 0 else padded

    @torch.no_grad()
    def wave(self, state: ChunkedState) -> Tensor:
        """Synthesise the algorithm's answer, if that is not the last wave."""
        shares = list(state.shares)
        for i, group in enumerate(self._groups):
            constraint = self.problem.constraint.of_frames(slice(group.first, None, group.step))
            memory = tuple(tensor.mT for tensor in state.memories[i])
            answer = self.algorithm.answer(memory, constraint)
            if answer is not None:
                shares[i] = self._synthesise(group, answer.mT)
        return self.problem.calm(self._merge(shares))

    def select(self, items: Tensor) -> ChunkedEngine:
        """Go on with some items of the batch."""
        return ChunkedEngine(self.problem.select(items), self.algorithm, self.steps)


def _copies(memory: Memory) -> Memory:
    return tuple(tensor.clone(memory_format=torch.contiguous_format) for tensor in memory)


def _write(kept: Memory, new: Memory) -> None:
    """Write the new memory over the old one, of which it may consist in part."""
    places = [tensor.untyped_storage().data_ptr() for tensor in kept]
    safe = [
        tensor.clone() if tensor is not old and tensor.untyped_storage().data_ptr() in places
        else tensor
        for tensor, old in zip(new, kept, strict=True)
    ]  # fmt: skip
    for tensor, old in zip(safe, kept, strict=True):
        if tensor is not old:
            old.copy_(tensor)
