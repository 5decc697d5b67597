"""One solver after the other: each goes on from the wave at which the last one ended."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from torch import Tensor

from .problem import SpectrogramProblem
from .solver import Solver


@dataclass(frozen=True, eq=False)
class ChainState:
    """Which solver is at work, and its own state."""

    iteration: int
    part: int
    inner: Any


@dataclass(frozen=True, eq=False)
class ChainSolver(Solver[ChainState]):
    """Runs solvers in turn; handing over takes an analysis and a synthesis."""

    problem: SpectrogramProblem
    parts: tuple[Solver[Any], ...]

    @property
    def steps(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The steps of all parts."""
        return sum(part.steps for part in self.parts)

    def start(self, spectrum: Tensor) -> ChainState:
        """Start the first part."""
        return ChainState(0, 0, self.parts[0].start(spectrum))

    def advance(self, state: ChainState, until: int) -> ChainState:
        """Let each part make its steps."""
        iteration, number, inner = state.iteration, state.part, state.inner
        ends = list(accumulate(part.steps for part in self.parts))
        while iteration < until:
            if iteration == ends[number] and number + 1 < len(self.parts):
                spectrum = self.problem.stft.analyse(self.parts[number].wave(inner))
                number += 1
                inner = self.parts[number].start(self.problem.constraint.project(spectrum))
            iteration = until if number + 1 == len(ends) else min(until, ends[number])
            begun = ends[number] - self.parts[number].steps
            inner = self.parts[number].advance(inner, iteration - begun)
        return ChainState(iteration, number, inner)

    def wave(self, state: ChainState) -> Tensor:
        """Return the wave of the part that is at work."""
        return self.parts[state.part].wave(state.inner)

    def evaluate(self, state: ChainState) -> tuple[Tensor, Tensor | None]:
        """Let the part that is at work evaluate it."""
        return self.parts[state.part].evaluate(state.inner)

    def select(self, items: Tensor) -> ChainSolver:
        """Go on with some items of the batch."""
        return replace(
            self,
            problem=self.problem.select(items),
            parts=tuple(part.select(items) for part in self.parts),
        )
