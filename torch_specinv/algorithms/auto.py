"""What to use when nothing is known: explore from PGHI, cool down, polish."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ..solve.algorithm import Algorithm, MakeSolver, register
from ..solve.problem import SpectrogramProblem
from ..solve.solver import Solver
from .amdr import AMDR
from .chain import ChainSolver
from .lbfgs import LBFGS

# Of the iterations 0.4 follow the exploration. Griffin-Lim with momentum makes the first quarter of
# them, as it still leaves local minima; L-BFGS, which does not, the rest.
_TAIL, _POLISH = 0.4, 0.3
# L-BFGS must learn the curvature before it pays.
_WORTH = 18


@register("auto")
@dataclass(frozen=True)
class Auto(Algorithm):
    """AMDR from a PGHI start, with L-BFGS for the last 30 %; scales with the budget.

    Budgets of less than 59 iterations are AMDR alone, and so is the inversion of bands, whose
    projection is no gradient.
    """

    default_start: ClassVar[str] = "pghi"
    planned: ClassVar[bool] = True

    def solver(self, problem: SpectrogramProblem, budget: int, engine: MakeSolver) -> Solver[Any]:
        """Plan the budget."""
        # handing over, and the first evaluation, take a pair of transforms each on top
        polish = round(_POLISH * budget)
        if polish < _WORTH or not problem.constraint.exact:
            return AMDR().solver(problem, budget, engine)
        before = budget - polish
        first = AMDR(polish=(_TAIL * budget - polish) / before).solver(problem, before, engine)
        return ChainSolver(problem, (first, LBFGS(5).solver(problem, polish, engine)))
