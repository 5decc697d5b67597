"""The native engine: compiled code for algorithms whose iterations are given by numbers.

Waves and spectra lie in memory in the order in which the code reads them, "in lanes" (see
:mod:`torch_specinv.native`). They are copied into that order once, and out of it where a waveform
is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from ..constraints.magnitude import Magnitude
from ..constraints.sources import Sources
from ..errors import SpecInvError
from ..native import (
    Layout,
    NativePlan,
    Row,
    Rule,
    choose_layout,
    missing,
    widths,
)
from ..solve.algorithm import Memory, Momentum, PointwiseAlgorithm, Relaxation, Step
from ..solve.native_rows import native_rows, rule_obstacle, transform_obstacle
from ..solve.problem import SpectrogramProblem
from .base import Engine, group_count
from .buffers import by_item, by_row


@dataclass(frozen=True, eq=False)
class NativeState:
    """What an iteration hands to the next, all of it in lanes."""

    iteration: int
    """Iterations done so far."""
    waves: tuple[Tensor, Tensor]
    """The newest wave and the one before it; with two turns, the parts of even and odd frames."""
    memory: Memory
    """For Griffin-Lim nothing; else the variable c, and m once an iteration has needed it."""


class NativeEngine(Engine[NativeState]):
    """Runs an algorithm whose iterations are given by numbers.

    It uses as many threads as :func:`torch.get_num_threads` says when it is made, and chooses the
    layout that suits them and the processor.
    """

    name = "native"
    takes = "rules that are numbers, float32 on a CPU, without gradients; compiled, the fastest"
    takes_phase = True

    least_filled: ClassVar[float] = 0.25
    """Of few frames that overlap much, lanes have less than this share: then others are faster."""
    frames_per_thread: ClassVar[float] = 100
    """How many frames of 1024 samples are worth a thread."""
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
        self._each = problem.waves_per_item
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
        g, target = problem.stft.geometry, problem.target
        if not problem.stft.single:
            return "it takes one transform"
        lacking = transform_obstacle(g, target.dtype, target.device)
        if lacking is not None:
            return lacking
        constraint = problem.constraint
        mixed = type(constraint) is Sources and constraint.is_nearest_point
        if type(constraint) is not Magnitude and not mixed:
            return f"it takes magnitudes, not {type(constraint).__name__}"
        turns = group_count(problem, algorithm)
        numbers = algorithm.coefficients(Step(0, steps))
        # between the turns of an iteration nothing can be made to add up
        most = 1 if mixed or isinstance(numbers, Momentum) else 2
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
        g = self.problem.stft.geometry
        frames = self._count * g.frames * g.n_fft / 1024
        return max(1, min(torch.get_num_threads(), int(frames / self.frames_per_thread)))

    def _best_layout(self) -> Layout:
        """Return the layout that suits the threads and the processor."""
        turns = group_count(self.problem, self.algorithm)
        return choose_layout(self.problem.stft, self._count, turns, self._threads(), self._widths())

    @property
    def _count(self) -> int:
        """How many waves there are."""
        return self.problem.target.shape[:-2].numel()

    def _lay_out(self, layout: Layout, magnitude: Tensor | None = None) -> None:
        """Prepare for states of that layout; the magnitude may be in lanes already."""
        if layout.width not in widths():
            raise SpecInvError(
                f"the state was made by a processor with registers of {layout.width} floats, which "
                "this one has not: it can't go on here."
            )
        self.plan = NativePlan(self.problem.stft, self._count, layout, self._threads())
        self._packed = magnitude
        self._rooms: dict[int, Tensor] = {}
        self._mixture = None
        if isinstance(self.problem.constraint, Sources):
            self._mixture = self._synthesise_mixture(self.problem.constraint)

    @torch.no_grad()
    def start(self, spectrum: Tensor) -> NativeState:
        """Synthesise the starting spectrum."""
        return self._start(self.plan.pack(spectrum.flatten(0, -3)), None)

    @torch.no_grad()
    def start_at(self, phase: Tensor) -> NativeState:
        """Synthesise the magnitude at a phase."""
        variable = None if self._has_momentum else self.plan.spectra()
        return self._start(variable, phase.flatten(0, -3).mT.contiguous())

    def _start(self, variable: Tensor | None, phase: Tensor | None) -> NativeState:
        waves = self._synthesise(variable, (self.plan.waves(), self.plan.waves()), phase)
        # what has momentum does not look at the older wave in the first iteration
        memory = () if variable is None or self._has_momentum else (variable,)
        return by_item(NativeState(0, waves, memory), self._each)

    @property
    def _has_momentum(self) -> bool:
        """Whether the rule is Griffin-Lim's, which keeps no spectrum."""
        return isinstance(self.algorithm.coefficients(Step(0, self.steps)), Momentum)

    @torch.no_grad()
    def advance(self, state: NativeState, until: int) -> NativeState:
        """Iterate up to iteration `until`, in the memory of the state."""
        if state.iteration == until:
            return state
        self._follow(state)
        state = by_row(state, self._each)
        memory = state.memory
        kind = Relaxation if memory else Momentum
        numbers = range(state.iteration, until)
        rule, rows = native_rows(self.algorithm, numbers, self.steps, kind)
        if memory:
            if len(memory) == 1 and rule > Rule.RELAX:
                # as long as it was not needed it was the variable itself
                old = torch.zeros_like if state.iteration == 0 else torch.clone
                memory = (*memory, old(memory[0]))
            rule = max(rule, Rule.RELAX if len(memory) == 1 else Rule.RELAX_WITH_MOMENTUM)
            for row in rows:
                row.v = 1.0 if self.plan.layout.turns == 2 else 0.0
        waves = state.waves
        for part in [rows] if self._mixture is None else [[row] for row in rows]:
            self.plan.run(rule, part, waves, self._magnitude, memory)
            if len(part) * self.plan.layout.turns % 2:
                waves = waves[1], waves[0]
            self._mix_(waves[0])
        return by_item(NativeState(until, waves, memory), self._each)

    def _mix_(self, waves: Tensor) -> None:
        """Let the newest waves of the sources, in lanes, add up to the mixture."""
        if self._mixture is not None:
            sources = by_item(waves, self._each)
            lacking = self._mixture - sources.sum(1)
            sources.add_(lacking.div_(sources.shape[1]).unsqueeze(1))

    def _synthesise_mixture(self, constraint: Sources) -> Tensor:
        """Return the wave of each item's mixture, in lanes."""
        every = constraint.mixture.unsqueeze(1).expand_as(constraint.target).flatten(0, 1)
        waves, spectra = (self.plan.waves(), self.plan.waves()), self.plan.pack(every)
        magnitude = self.plan.pack(every.abs())
        self.plan.run(Rule.ANSWER, [Row()], waves, magnitude, (spectra,))
        return by_item(waves[1], self._each)[:, 0].clone()

    def _follow(self, state: NativeState) -> None:
        """Take over the layout of a state that was made with another number of threads."""
        groups, length, width = state.waves[0].shape[-3:]
        layout = self.plan.layout
        segment = (length - layout.margin) // layout.hop
        if (groups, segment, width) != (layout.groups, layout.segment, layout.width):
            self._lay_out(replace(layout, groups=groups, segment=segment, width=width))

    @property
    def _magnitude(self) -> Tensor:
        """The magnitude in lanes; not there before it is asked for, so that a start has room."""
        if self._packed is None:
            self._packed = self.plan.pack(self.problem.target.flatten(0, -3))
        return self._packed

    def _room(self, number: int) -> Tensor:
        """Return memory for waves that nobody keeps: the same every time, whatever is in it."""
        if number not in self._rooms:
            self._rooms[number] = self.plan.waves()
        return self._rooms[number]

    def _synthesise(
        self, variable: Tensor | None, waves: tuple[Tensor, Tensor], phase: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Synthesise the projected variable, into one wave or into two, by turns.

        With a phase the variable is the magnitude at it, and is kept if there is room for it.
        """
        memory = () if variable is None else (variable,)
        rule = Rule.ANSWER if phase is None else Rule.BEGIN
        self.plan.run(rule, [Row()], waves, self._magnitude, memory, phase)
        if self.plan.layout.turns == 2:
            return waves
        self._mix_(waves[1])
        return waves[1], waves[0]

    @torch.no_grad()
    def _answer(self, state: NativeState) -> Tensor:
        """Synthesise the algorithm's answer, in lanes, if that is not the last wave."""
        self._follow(state)
        state = by_row(state, self._each)
        if not state.memory:
            return state.waves[0]
        if state.iteration == 0:  # the waves are still those of the variable
            first, second = state.waves
            return first + second if self.plan.layout.turns == 2 else first
        first, second = self._synthesise(state.memory[0], (self._room(0), self._room(1)))
        return first.add_(second) if self.plan.layout.turns == 2 else first

    def wave(self, state: NativeState) -> Tensor:
        """Return the waves of the algorithm's answer."""
        answer = self._answer(state)  # first: it may change the plan
        return self.problem.finish(by_item(self.plan.unpack(answer), self._each))

    def evaluate(self, state: NativeState) -> tuple[Tensor, Tensor | None]:
        """Return them with their errors."""
        answer = self._answer(state)
        wave = by_item(self.plan.unpack(answer), self._each)
        if self.problem.stft.poorly_covered is not None:
            return self.problem.finish(wave), None  # which is not what was measured
        sums = self.plan.sums()
        self.plan.run(Rule.MEASURE, [Row(u=1.0)], (answer, sums), self._magnitude)
        error = by_item(sums.flatten(1).sum(1), self._each)
        return self.problem.finish(wave), error.flatten(1).sum(1) if error.ndim > 1 else error

    @torch.no_grad()
    def trip(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """Do what :meth:`SpectrogramObjective.trip` does, for an engine with a single turn."""
        g, plan = self.problem.stft.geometry, self.plan
        lanes, nearest, sums = plan.lay(wave), plan.waves(), plan.sums()
        plan.run(Rule.MEASURE, [Row(u=1.0)], (lanes, sums), self._magnitude)
        plan.run(Rule.PROJECT, [Row(u=1.0)], (lanes, nearest), self._magnitude)
        inner, single = sums.sum((1, 3)).unbind(1)
        energy = (2 * inner + single) / (1 if g.normalized else g.n_fft)
        return energy, plan.unpack(nearest)

    def select(self, items: Tensor) -> NativeEngine:
        """Go on with some items of the batch."""
        each = self._each
        return type(self)(
            self.problem.select(items),
            self.algorithm,
            self.steps,
            self.plan.layout,
            by_row(by_item(self._magnitude, each)[items], each),
        )
