"""The native engine: compiled code for algorithms whose iterations are given by numbers.

Waves and spectra lie in memory in the order in which the code reads them, "in lanes" (see
:mod:`torch_specinv.native`). They are copied into that order once, and out of it where a waveform
is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from ..constraints.magnitude import Magnitude
from ..constraints.sources import Sources
from ..errors import SpecInvError
from ..forks import cached_property
from ..native import (
    Layout,
    NativePlan,
    Row,
    Rule,
    choose_layout,
    missing,
    widths,
)
from ..solve.algorithm import Memory, Momentum, PointwiseAlgorithm, Projection, Relaxation, Step
from ..solve.native_rows import (
    constraint_obstacle,
    native_rows,
    rule_obstacle,
    transform_obstacle,
)
from ..solve.problem import SpectrogramProblem
from .base import Engine, group_count
from .buffers import by_item, by_row
from .native_lanes import ProblemInLanes


@dataclass(frozen=True, eq=False)
class NativeState:
    """What an iteration hands to the next, all of it in lanes."""

    iteration: int
    """Iterations done so far."""
    waves: tuple[Tensor, Tensor]
    """The newest wave and the one before it; with two turns, the parts of even and odd frames."""
    memory: Memory
    """Of a :class:`Relaxation` the variable c, and m once an iteration has needed it."""
    past: Memory = ()
    """Of a :class:`Projection` the wave to analyse next, and those that the algorithm keeps."""


class NativeEngine(Engine[NativeState]):
    """Runs an algorithm whose iterations are given by numbers.

    It uses as many threads as :func:`torch.get_num_threads` says when it is made, and chooses the
    layout that suits them and the processor.
    """

    name = "native"
    takes_phase = True
    takes = "rules that are numbers, float32 on a CPU, gradients of Griffin-Lim; the fastest"

    least_filled: ClassVar[float] = 0.25
    """Of few frames that overlap much, lanes have less than this share: then others are faster."""
    frames_per_thread: ClassVar[float] = 100
    """How many frames of 1024 samples are worth a thread."""
    threads_alike: ClassVar[int] = 4
    """How many threads the layout is for where algorithms are to be deterministic."""
    width: ClassVar[int | None] = None
    """Floats to take at a time; None for what suits the processor and the frames best."""

    def __init__(
        self,
        problem: SpectrogramProblem,
        algorithm: PointwiseAlgorithm,
        steps: int,
        layout: Layout | None = None,
        magnitude: Tensor | None = None,
    ) -> None:
        self.problem, self.algorithm, self.steps = problem, algorithm, steps
        self._lay_out(layout or self._best_layout(), magnitude)

    @classmethod
    def missing(cls) -> str | None:
        """Return why there is no compiled library."""
        return missing()

    @classmethod
    def obstacle(
        cls, problem: SpectrogramProblem, algorithm: PointwiseAlgorithm, steps: int
    ) -> str | None:
        """Return which geometry, dtype, constraint or rule it does not have, or None."""
        g, like = problem.stft.geometry, problem.like
        if not problem.stft.single:
            return "it takes one transform"
        lacking = transform_obstacle(g, like.dtype, like.device)
        lacking = lacking or constraint_obstacle(problem.given)
        if lacking is not None:
            return lacking
        mixed = isinstance(problem.given, Sources)
        turns = group_count(problem, algorithm)
        numbers = algorithm.coefficients(Step(0, steps))
        # between the turns of an iteration nothing can be made to add up
        most = 2 if isinstance(numbers, Relaxation) and not mixed else 1
        if turns > most:
            return f"it does not know the rule of {algorithm!r}"
        lacking = rule_obstacle(algorithm, numbers)
        if lacking is not None:
            return lacking
        # the same for all batches and threads
        layout = choose_layout(problem.stft, 1, turns, 1, cls._widths())
        if g.frames < cls.least_filled * layout.frames:
            return f"{g.frames} frames are too few for as much overlap"
        return None

    @classmethod
    def _widths(cls) -> tuple[int, ...]:
        """Return the numbers of floats to choose from."""
        return widths() if cls.width is None else (cls.width,)

    def _threads(self) -> int:
        """Return how many threads have enough to do."""
        return self._worth(torch.get_num_threads(), self._count)

    def _worth(self, threads: int, items: int) -> int:
        """Return how many threads, at most so many, have enough to do on so many items."""
        g = self.problem.stft.geometry
        frames = items * g.frames * g.n_fft / 1024
        return max(1, min(threads, int(frames / self.frames_per_thread)))

    def _best_layout(self) -> Layout:
        """Return the layout that suits the threads and the processor."""
        turns, stft = group_count(self.problem, self.algorithm), self.problem.stft
        if torch.are_deterministic_algorithms_enabled():
            # whatever the batch and the threads are
            return choose_layout(stft, 1, turns, self._worth(self.threads_alike, 1), self._widths())
        return choose_layout(stft, self._count, turns, self._threads(), self._widths())

    @property
    def _count(self) -> int:
        """How many waves there are."""
        return self.problem.like.shape[:-2].numel()

    def _lay_out(self, layout: Layout, magnitude: Tensor | None = None) -> None:
        """Prepare for states of that layout; the magnitude may be in lanes already."""
        if layout.width not in widths():
            raise SpecInvError(
                f"the state was made by a processor with registers of {layout.width} floats, which "
                "this one has not: it can't go on here."
            )
        self.lanes = ProblemInLanes(self.problem, layout, self._threads(), magnitude)

    @property
    def plan(self) -> NativePlan:
        """The transform in that layout."""
        return self.lanes.plan

    @torch.no_grad()
    def start(self, spectrum: Tensor) -> NativeState:
        """Synthesise the starting spectrum."""
        variable = self.plan.pack(spectrum.flatten(0, -3))
        waves = self.lanes.synthesise(variable, self.lanes.new_waves(), starts=True)
        return self._state(waves, variable)

    @torch.no_grad()
    def start_at(self, phase: Tensor, magnitude: Tensor | None) -> NativeState:
        """Synthesise the magnitude at a phase."""
        variable = self.plan.spectra() if self._kind is Relaxation else None
        packed = self.lanes.magnitude
        if self.lanes.bank is not None:
            assert magnitude is not None
            packed = self.plan.pack(magnitude)
        waves, rows = self.lanes.new_waves(), phase.flatten(0, -3).mT.contiguous()
        memory = () if variable is None else (variable,)
        self.plan.run(Rule.BEGIN, [Row()], waves, packed, memory, phase=rows)
        return self._state(self.lanes.in_order(waves), variable)

    def _state(self, waves: tuple[Tensor, Tensor], variable: Tensor | None) -> NativeState:
        """Return the state before the first iteration."""
        # what has momentum does not look at the older wave in the first iteration
        relaxes, mixes = self._kind is Relaxation, self._kind is Projection
        memory = (variable,) if variable is not None and relaxes else ()
        past = (waves[0], *self.algorithm.remember(waves[0])) if mixes else ()
        return by_item(NativeState(0, waves, memory, past), self.lanes.each)

    @cached_property
    def _kind(self) -> type[Momentum | Projection | Relaxation]:
        """What its iterations are."""
        numbers = self.algorithm.coefficients(Step(0, self.steps))
        assert numbers is not None
        return type(numbers)

    @torch.no_grad()
    def advance(self, state: NativeState, until: int) -> NativeState:
        """Iterate up to iteration `until`, in the memory of the state."""
        if state.iteration == until:
            return state
        self._follow(state)
        lanes, state = self.lanes, by_row(state, self.lanes.each)
        memory, past = state.memory, state.past
        numbers = range(state.iteration, until)
        rule, rows = native_rows(self.algorithm, numbers, self.steps, self._kind)
        if memory:
            if len(memory) == 1 and rule > Rule.RELAX:
                # as long as it was not needed it was the variable itself
                old = torch.zeros_like if state.iteration == 0 else torch.clone
                memory = (*memory, old(memory[0]))
            rule = max(rule, Rule.RELAX if len(memory) == 1 else Rule.RELAX_WITH_MOMENTUM)
            for row in rows:
                row.v = 1.0 if self.plan.layout.turns == 2 else 0.0
        waves = state.waves
        bank = lanes.told_of_bank(gains=bool(memory), starts=state.iteration == 0)
        at_a_time = 1 if past or lanes.mixture is not None else len(rows)
        for i in range(0, len(rows), at_a_time):
            if past:
                # what the algorithm keeps may be the last wave itself
                waves = past[0], self.plan.waves()
            part = rows[i : i + at_a_time]
            self.plan.run(rule, part, waves, lanes.magnitude, memory, bank)
            if len(part) * self.plan.layout.turns % 2:
                waves = waves[1], waves[0]
            lanes.mix_(waves[0])
            if past:
                step = Step(numbers[i], self.steps)
                mixed, kept = self.algorithm.mix(waves[0], past[1:], step)
                past = mixed, *kept
        return by_item(NativeState(until, waves, memory, past), lanes.each)

    def _follow(self, state: NativeState) -> None:
        """Take over the layout of a state that was made with another number of threads."""
        groups, length, width = state.waves[0].shape[-3:]
        layout = self.plan.layout
        segment = (length - layout.margin) // layout.hop
        if (groups, segment, width) != (layout.groups, layout.segment, layout.width):
            self._lay_out(replace(layout, groups=groups, segment=segment, width=width))

    @torch.no_grad()
    def _answer(self, state: NativeState) -> Tensor:
        """Synthesise the algorithm's answer, in lanes, if that is not the last wave."""
        self._follow(state)
        state = by_row(state, self.lanes.each)
        newest, older = state.waves
        if not state.memory or state.iteration == 0:  # the start is its own answer
            return newest + older if state.memory and self.plan.layout.turns == 2 else newest
        rooms = self.lanes.room(0), self.lanes.room(1)
        first, second = self.lanes.synthesise(state.memory[0], rooms)
        return first.add_(second) if self.plan.layout.turns == 2 else first

    def wave(self, state: NativeState) -> Tensor:
        """Return the waves of the algorithm's answer."""
        answer = self._answer(state)  # first: it may change the layout
        return self.problem.finish(self.lanes.unpack(answer))

    def evaluate(self, state: NativeState) -> tuple[Tensor, Tensor | None]:
        """Return them with their errors."""
        answer = self._answer(state)
        return self.lanes.finished(answer, self.lanes.unpack(answer))

    @torch.no_grad()
    def observe(self, state: NativeState) -> tuple[Tensor, Tensor] | None:
        """Return the sums of a bank, and the error."""
        if not self.lanes.adds_up:
            return None
        answer = self._answer(state)
        error = self.lanes.finished(answer, self.lanes.unpack(answer), gains=True)[1]
        return self.lanes.sums(), error

    @torch.no_grad()
    def scaled(self, wave: Tensor, ratio: Callable[[Tensor], Tensor], count: int) -> Tensor | None:
        """Multiply sums of a bank."""
        if not self.lanes.adds_up or self.plan.layout.turns == 2:
            return None
        return self.lanes.scaled(wave, ratio, count)

    @torch.no_grad()
    def look(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """Return how far waves are from the constraint, and the nearest waves to what is."""
        plain = type(self.problem.given) is Magnitude
        if not plain or self.plan.layout.turns > 1:
            return super().look(wave)
        return self.lanes.nearest(wave)

    def release(self) -> None:
        """Let go of the magnitude in lanes, and of waves that nobody keeps."""
        self.lanes.release()

    def select(self, items: Tensor) -> NativeEngine:
        """Go on with some items of the batch."""
        return type(self)(
            self.problem.select(items),
            self.algorithm,
            self.steps,
            self.plan.layout,
            self.lanes.magnitude_of(items),
        )
