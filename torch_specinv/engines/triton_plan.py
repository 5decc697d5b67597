"""An iteration as kernels of triton around two transforms, on memory that is laid out for them."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from itertools import cycle
from typing import Any

import torch
from torch import Tensor

from ..constraints.base import SILENCE
from ..solve.algorithm import Memory, Momentum, PointwiseAlgorithm, Relaxation, Step
from ..solve.problem import SpectrogramProblem
from ..solve.solver import Solver
from ..transform.sizes import ceil_div
from .base import group_count

# Frames that a program cuts: neighbours read the same samples
_FRAMES = 4
# Samples of a program, pairs of bins with momentum and without, and its warps
_SAMPLES, _PAIRS, _WARPS = 1024, {True: 128, False: 512}, 4
# The share of the cache of a device that the frames of some items, three times, are to fill, so
# that they do not leave it, or 0 for all items at once; and how many streams such pieces are on.
# Rules with memories gain nothing from pieces.
_CACHE_SHARE, _STREAMS = 0.72, 2
# Waves begin at multiples of so many samples, so that accesses are aligned
_ALIGNED = 16


@dataclass(frozen=True, eq=False)
class TritonState:
    """What an iteration hands to the next. Waves are (batch, samples, a multiple of 16)."""

    iteration: int
    """Iterations done so far."""
    waves: tuple[Tensor, Tensor]
    """What is to be analysed next and the newest wave; with two groups, the wave of each."""
    variables: Memory
    """The variable c of each group, (batch, frames, bins), or () with momentum."""
    memories: Memory
    """The memory m of each group, or () where no iteration needs it."""


@dataclass(frozen=True, eq=False)
class TritonPlan(Solver[TritonState]):
    """All that the kernels read, and nothing else, so that a recording can take it over.

    It is a solver without a start and an answer, whose steps look at `counter` alone.
    """

    steps: int
    numbers: tuple[int, ...]
    """n_fft, hop_length, padding, length, frames."""
    reflect: bool
    momentum: bool
    remembers: bool
    """Whether an iteration needs the memory m."""
    window: Tensor
    back: Tensor
    """The window of synthesis, with the scale of the transform."""
    gain: Tensor
    """1 / envelope, (1 or batch, samples)."""
    twiddle: Tensor
    """What odd samples are turned by, (n_fft // 4 + 1, 2)."""
    lengths: Tensor
    """Samples of each wave, (batch,), int32."""
    ends: Tensor
    """Frames of each wave, (batch,), int32."""
    targets: tuple[Tensor, ...]
    """Magnitudes of each group, (batch, frames, bins)."""
    table: Tensor
    """The numbers of each iteration, (iterations, numbers); later ones have those of the last."""
    counter: Tensor
    """Which iteration is next, (1,), int64."""
    piece: int
    """How many items are iterated at a time."""

    @classmethod
    def of(
        cls, problem: SpectrogramProblem, algorithm: PointwiseAlgorithm, steps: int
    ) -> TritonPlan:
        """Lay everything out."""
        stft, target = problem.stft, problem.target
        g, groups = stft.geometry, group_count(problem, algorithm)
        rows, momentum, remembers = numbers_of(algorithm, steps)
        lengths, last = stft.lengths_and_last_frames(len(target))
        scale = math.sqrt(g.n_fft) if g.normalized else 1.0
        turns = torch.arange(g.n_fft // 2 // 2 + 1, dtype=torch.float64) * (-2 * math.pi / g.n_fft)
        twiddle = torch.stack([turns.cos(), turns.sin()], 1)
        return cls(
            steps=steps,
            numbers=(g.n_fft, g.hop_length, g.padding, g.length, g.frames),
            reflect=g.center and g.pad_mode == "reflect",
            momentum=momentum,
            remembers=remembers,
            window=(g.window / scale).contiguous(),
            # of the transform of half the length, which halves, unscaled
            back=(g.window * (2 * scale / g.n_fft)).contiguous(),
            gain=stft.gain.view(-1, g.length).contiguous(),
            twiddle=twiddle.to(target),
            lengths=lengths.to(torch.int32),
            ends=(last + 1).to(torch.int32),
            targets=tuple(target[..., i::groups].mT.contiguous() for i in range(groups)),
            table=torch.tensor(rows, dtype=target.dtype, device=target.device),
            counter=torch.zeros(1, dtype=torch.int64, device=target.device),
            piece=_piece(target, g.frames * g.n_fft) if momentum else len(target),
        )

    def padded(self, wave: Tensor) -> Tensor:
        """Copy waves to where the kernels read them."""
        length = self.numbers[3]
        room = wave.new_zeros(len(wave), ceil_div(length, _ALIGNED) * _ALIGNED)
        room[:, :length] = wave
        return room

    def advance(self, state: TritonState, until: int) -> TritonState:
        """Launch iterations, on the memory of the state; all are the one at the counter."""
        device = self.table.device
        # triton launches on the current device, wherever tensors are
        with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
            for _ in range(state.iteration, until):
                self._iterate(state)
        return replace(state, iteration=until)

    def _iterate(self, state: TritonState) -> None:
        """Launch an iteration, of some items at a time, on streams that take turns."""
        batch, device = len(self.lengths), self.table.device
        pieces = [slice(first, first + self.piece) for first in range(0, batch, self.piece)]
        if len(pieces) == 1 or device.type != "cuda":
            for items in pieces:
                self._iterate_items(state, items)
            return
        current, streams = torch.cuda.current_stream(device), _streams(device)
        for stream in streams:
            stream.wait_stream(current)
        for items, stream in zip(pieces, cycle(streams), strict=False):
            with torch.cuda.stream(stream):
                self._iterate_items(state, items)
        for stream in streams:
            current.wait_stream(stream)

    def _iterate_items(self, state: TritonState, items: slice) -> None:
        # later, as it needs triton; and what it compiles is called in a way of its own
        kernels: Any = import_module(".triton_kernels", __package__)
        n, hop, pad, length, _ = self.numbers
        half, groups = n // 2, len(self.targets)
        first, second = (wave[items] for wave in state.waves)
        lengths, gain = self.lengths[items], self.gain
        each = len(gain) > 1
        batch, row, (rows, width) = len(lengths), first.shape[1], self.table.shape
        for i, target in enumerate(self.targets):
            target, count = target[items], target.shape[1]
            frames = torch.empty(batch, count, n, dtype=target.dtype, device=target.device)
            kernels.cut_kernel[(ceil_div(count, _FRAMES), batch)](
                first, second, self.window, lengths, self.ends[items], frames, row, count, pad,
                hop, i, groups, N=n, BLOCK=_power_of_two(n), FRAMES=_FRAMES, BOTH=groups == 2,
                REFLECT=self.reflect, num_warps=_WARPS,
            )  # fmt: skip
            halves = torch.view_as_complex(frames.view(batch, count, half, 2))
            spectra = torch.view_as_real(torch.fft.fft(halves))
            variable = memory = spectra
            if state.variables:
                variable = torch.view_as_real(state.variables[i][items])
            if state.memories:
                memory = torch.view_as_real(state.memories[i][items])
            pairs, block = batch * count * (half // 2 + 1), _PAIRS[self.momentum]
            kernels.rule_kernel[(ceil_div(pairs, block),)](
                spectra, target, variable, memory, self.twiddle, self.table, self.counter, rows,
                pairs,
                M=half, WIDTH=width, BLOCK=block, MOMENTUM=self.momentum, MEMORY=self.remembers,
                TINY=SILENCE[target.dtype], num_warps=_WARPS,
            )  # fmt: skip
            frames = torch.fft.ifft(torch.view_as_complex(spectra), norm="forward")
            wave, after = (second, first) if self.momentum else ((first, second)[i], first)
            kernels.add_kernel[(ceil_div(length, _SAMPLES), batch)](
                torch.view_as_real(frames), self.back, gain[items] if each else gain, lengths,
                wave, after, self.table, self.counter, rows, row, length * each, count, pad,
                i * hop, length, N=n, STRIDE=groups * hop, BLOCKS=ceil_div(n, groups * hop),
                BLOCK=_SAMPLES, WIDTH=width, MOMENTUM=self.momentum, REFLECT=self.reflect,
                num_warps=_WARPS,
            )  # fmt: skip

    def start(self, spectrum: Any) -> TritonState:
        """Leave it to the engine."""
        raise NotImplementedError

    def wave(self, state: TritonState) -> Tensor:
        """Leave it to the engine."""
        raise NotImplementedError

    def select(self, items: Tensor) -> TritonPlan:
        """Leave it to the engine."""
        raise NotImplementedError


def _piece(target: Tensor, samples: int) -> int:
    """Return how many items to iterate at a time, of so many samples in the frames of each."""
    batch, device = len(target), target.device
    if device.type != "cuda" or _CACHE_SHARE == 0:
        return batch
    size = torch.cuda.get_device_properties(device).L2_cache_size
    return min(batch, max(1, int(_CACHE_SHARE * size / (3 * samples * target.element_size()))))


@cache
def _streams(device: torch.device) -> list[torch.cuda.Stream]:
    """Return the streams of the pieces on a device."""
    return [torch.cuda.Stream(device) for _ in range(_STREAMS)]


def numbers_of(
    algorithm: PointwiseAlgorithm, steps: int, count: int | None = None
) -> tuple[list[list[float]], bool, bool]:
    """Return the numbers of iterations, whether they are momentum, and whether m is needed.

    They are as many as `steps`, or more of a run that is resumed.
    """
    rows: list[list[float]] = []
    momentum = remembers = False
    for number in range(steps if count is None else count):
        found = algorithm.coefficients(Step(number, steps))
        assert isinstance(found, (Momentum, Relaxation))
        momentum = isinstance(found, Momentum)
        if isinstance(found, Relaxation):
            remembers |= any(x != 0 for x in (found.s, found.y, found.g))
        rows.append([float(x) for x in found])
    return rows, momentum, remembers


def _power_of_two(number: int) -> int:
    return 1 << (number - 1).bit_length()
