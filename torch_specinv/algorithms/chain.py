"""Algorithms one after the other."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, ClassVar

from torch import Tensor

from ..errors import SpecInvError, read_number, shown
from ..solve.algorithm import Algorithm, MakeSolver
from ..solve.problem import SpectrogramProblem
from ..solve.solver import Solver


@dataclass(frozen=True)
class Chain(Algorithm):
    """Run algorithms in turn, each for its share of the budget, each from the last one's wave.

    Parameters
    ----------
    parts : tuple of Algorithm
        What to run, in this order.
    shares : tuple of float
        How the budget is divided; they need not add up to 1.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv import invert
    >>> from torch_specinv.algorithms import LBFGS, RAAR, Chain
    >>> explore_and_polish = Chain((RAAR(0.95), LBFGS()), (0.7, 0.3))
    >>> spec = torch.rand(33, 40, generator=torch.manual_seed(0))
    >>> result = invert(
    ...     spec, explore_and_polish, max_iter=30, window=torch.hann_window(64), verbose=False
    ... )
    >>> result.evaluated
    (0, 10, 20, 30)
    """

    parts: tuple[Algorithm, ...]
    shares: tuple[float, ...]
    planned: ClassVar[bool] = True

    def __post_init__(self) -> None:
        given: tuple[Any, ...] = (self.parts, self.shares)
        several = all(isinstance(one, (tuple, list)) for one in given)
        if not several or not all(isinstance(part, Algorithm) for part in self.parts):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise SpecInvError(
                f"parts={shown(self.parts)}, shares={shown(self.shares)}: expected a tuple of "
                "algorithms, and one of numbers."
            )
        positive = all(0 < read_number(share) < math.inf for share in self.shares)
        if len(self.parts) != len(self.shares) or not self.parts or not positive:
            raise SpecInvError(
                f"parts={shown(self.parts)}, shares={self.shares!r}: expected a positive, "
                f"finite share for each of {len(self.parts)} parts."
            )
        for part in self.parts:
            if not part.takes_start:
                raise SpecInvError(f"{type(part).__name__} takes no start, so it can't be chained.")
            if part.chooses_start:
                raise SpecInvError(
                    f"{type(part).__name__} is a chain already, and chooses its start: chain AMDR "
                    "and LBFGS instead."
                )

    def solver(self, problem: SpectrogramProblem, budget: int, engine: MakeSolver) -> Solver[Any]:
        """Divide the budget."""
        total, done, given = sum(self.shares), 0.0, 0
        solvers: list[Solver[Any]] = []
        for part, share in zip(self.parts, self.shares, strict=True):
            done += share
            steps = round(budget * done / total) - given
            if steps < 1:
                raise SpecInvError(
                    f"max_iter={budget} leaves no iteration for {type(part).__name__}, whose "
                    f"share is {share / total:.0%}: give it more, or leave that part out."
                )
            given += steps
            solvers.append(part.solver(problem, steps, engine))
        return ChainSolver(problem, tuple(solvers))


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

    @property
    def keeps_shape(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What one of the parts says."""
        return any(part.keeps_shape for part in self.parts)

    @property
    def takes_phase(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What the first part says."""
        return self.parts[0].takes_phase

    def start_at(self, phase: Tensor, magnitude: Tensor | None) -> ChainState:
        """Start the first part at a phase."""
        return ChainState(0, 0, self.parts[0].start_at(phase, magnitude))

    def start(self, spectrum: Tensor) -> ChainState:
        """Start the first part."""
        return ChainState(0, 0, self.parts[0].start(spectrum))

    def advance(self, state: ChainState, until: int) -> ChainState:
        """Let each part make its steps."""
        iteration, number, inner = state.iteration, state.part, state.inner
        ends = list(accumulate(part.steps for part in self.parts))
        while iteration < until:
            if iteration == ends[number] and number + 1 < len(self.parts):
                wave = self.parts[number].wave(inner)
                number += 1
                inner = self._hand_over(self.parts[number], wave)
            iteration = until if number + 1 == len(ends) else min(until, ends[number])
            begun = ends[number] - self.parts[number].steps
            inner = self.parts[number].advance(inner, iteration - begun)
        return ChainState(iteration, number, inner)

    def _hand_over(self, part: Solver[Any], wave: Tensor) -> Any:
        state = part.start_near(wave)
        if state is not None:
            return state
        return part.start(self.problem.constraint.project(self.problem.stft.analyse(wave)))

    def wave(self, state: ChainState) -> Tensor:
        """Return the wave of the part that is at work."""
        return self.parts[state.part].wave(state.inner)

    def evaluate(self, state: ChainState) -> tuple[Tensor, Tensor | None]:
        """Let the part that is at work evaluate it."""
        return self.parts[state.part].evaluate(state.inner)

    def release(self) -> None:
        """Let all parts do so."""
        for part in self.parts:
            part.release()

    def select(self, items: Tensor) -> ChainSolver:
        """Go on with some items of the batch."""
        return replace(
            self,
            problem=self.problem.select(items),
            parts=tuple(part.select(items) for part in self.parts),
        )
