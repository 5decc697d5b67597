"""A solver that finds out what each item holds, and iterates accordingly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..forks import cached_property
from ..phase import Start, starting_spectrum
from ..solve.algorithm import MakeSolver, PointwiseAlgorithm
from ..solve.problem import SpectrogramProblem
from ..solve.solver import Solver
from .detect import BANDS, best_blur, detect, limits_of, mean_widths, power_ratio
from .kinds import KINDS, Kind
from .ratio_solver import RatioSolver, RatioState, Treatment

#: Iterations on an inexact item; more change little, or begin to fit its errors.
ENOUGH = 20


@dataclass(frozen=True, eq=False)
class ByKindState:
    """Where both ways of iterating are; None for a way that no item goes."""

    iteration: int
    kind: Tensor
    """The number in ``KINDS`` of what each item holds, (batch,)."""
    exact: Any
    inexact: RatioState | None
    first: tuple[Tensor, Tensor | None] | None = None
    """What the start is evaluated to, where that is known already."""


@dataclass(frozen=True, eq=False)
class ByKindSolver(Solver[ByKindState]):
    """Iterates on exact items by one solver, on the others by :class:`RatioSolver`.

    Attributes
    ----------
    problem : SpectrogramProblem
        Whose constraint knows how to spread factors.
    exact : Solver
        What iterates on exact items.
    engine : callable
        Makes the solver of `rule`.
    rule : PointwiseAlgorithm
        Griffin-Lim, for a first look.
    kind : Kind, optional
        What all items hold. Default: find out.
    """

    problem: SpectrogramProblem
    exact: Solver[Any]
    engine: MakeSolver
    rule: PointwiseAlgorithm
    kind: Kind | None = None

    @property
    def steps(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The steps on an exact item."""
        return self.exact.steps

    @property
    def keeps_shape(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What the solver of exact items says."""
        return self.exact.keeps_shape

    def start(self, spectrum: Tensor | None) -> ByKindState:
        """Look at every item; without a spectrum, choose where to start from."""
        problem = self.problem
        if spectrum is None:
            name = limits_of(problem).start
            chosen = Start.of(problem, name)
        else:
            chosen = Start(lambda: spectrum)
        inner = chosen.state(self.exact)
        first = self.exact.evaluate(inner)
        kind, widths = self._look(chosen, first)
        problem.release()  # the look alone needed the target
        exact = kind == KINDS.index(Kind.EXACT)
        if bool(exact.all()):
            return ByKindState(0, kind, inner, None, first)
        coarse = kind == KINDS.index(Kind.COARSE)
        start = chosen.spectrum
        if spectrum is None and bool(coarse.any()):
            locked = starting_spectrum(problem.constraint, problem.stft, "locked", None)
            start = torch.where(coarse[:, None, None], locked, start)
        treatment = Treatment(widths[:, 0], widths[:, 1], kind == KINDS.index(Kind.BLURRED))
        inexact = self._ratios.start_with(start, treatment)
        return ByKindState(0, kind, inner if bool(exact.any()) else None, inexact)

    @torch.no_grad()
    def _look(self, start: Start, first: tuple[Tensor, Tensor | None]) -> tuple[Tensor, Tensor]:
        """Return the number of each item's kind, and the widths of its means."""
        problem, limits = self.problem, limits_of(self.problem)
        widths = mean_widths(problem)
        energy = problem.energy
        kind = torch.zeros(len(energy), dtype=torch.int64, device=energy.device)
        if self.kind is not None:
            if self.kind is Kind.BLURRED and limits.blurs:
                widths = best_blur(problem, start.spectrum)[1]
            return kind.fill_(KINDS.index(self.kind)), widths
        wave, error = first
        error = problem.error(wave, None) if error is None else error
        # a start as near as this is that of an exact item
        items = (~(error < power_ratio(limits.exact_db) * problem.energy)).nonzero().view(-1)
        if len(items) == 0:
            return kind, widths
        part = problem if len(items) == len(kind) else problem.select(items)
        found, theirs = detect(part, start.select(items), error[items], self.engine, self.rule)
        return kind.index_copy(0, items, found), widths.index_copy(0, items, theirs)

    def advance(self, state: ByKindState, until: int) -> ByKindState:
        """Let both solvers make their steps; on inexact items there are at most ``ENOUGH``."""
        exact, inexact = state.exact, state.inexact
        if exact is not None:
            exact = self.exact.advance(exact, until)
        if inexact is not None:
            inexact = self._ratios.advance(inexact, min(until, ENOUGH))
        return ByKindState(until, state.kind, exact, inexact)

    def wave(self, state: ByKindState) -> Tensor:
        """Return the wave of the solver that each item belongs to."""
        return self.evaluate(state)[0]

    def evaluate(self, state: ByKindState) -> tuple[Tensor, Tensor | None]:
        """Let the solver that each item belongs to evaluate it."""
        if state.first is not None:
            return state.first
        if state.inexact is None:
            return self.exact.evaluate(state.exact)
        if state.exact is None:
            return self._ratios.evaluate(state.inexact)
        exact = (state.kind == KINDS.index(Kind.EXACT)).unsqueeze(1)
        other = self._ratios.wave(state.inexact)
        return torch.where(exact, self.exact.wave(state.exact), other), None

    def settling(self, state: ByKindState) -> Tensor | None:
        """Only of an exact item does a small change of the error say that it has converged."""
        return state.kind == KINDS.index(Kind.EXACT)

    def kinds(self, state: ByKindState) -> tuple[str, ...]:
        """Return what kind each item is of."""
        return tuple(str(KINDS[number]) for number in state.kind.tolist())

    def answers_last(self, state: ByKindState) -> Tensor | bool:
        """Return the inexact items: the error to a wrong target says nothing of a wave."""
        return state.kind != KINDS.index(Kind.EXACT)

    def milestones(self, state: ByKindState) -> tuple[int, ...]:
        """Return where inexact items have had enough."""
        return () if state.inexact is None else (ENOUGH,)

    def enough(self, state: ByKindState) -> Tensor:
        """Return which inexact items have made all iterations that are worth it."""
        return (state.kind != KINDS.index(Kind.EXACT)) & (state.iteration >= ENOUGH)

    def release(self) -> None:
        """Let the solver of exact items do so."""
        self.exact.release()

    def select(self, items: Tensor) -> ByKindSolver:
        """Go on with some items of the batch."""
        return replace(self, problem=self.problem.select(items), exact=self.exact.select(items))

    @cached_property
    def _ratios(self) -> RatioSolver:
        steps, bands = min(self.steps, ENOUGH), limits_of(self.problem) is BANDS
        engine = self.engine(self.problem, self.rule, steps) if bands else None
        return RatioSolver(self.problem, steps, engine)
