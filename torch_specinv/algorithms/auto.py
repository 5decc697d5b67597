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

# The last 0.4 of the iterations follow the exploration. A quarter of them is Griffin-Lim with
# momentum, which still leaves local minima; the others are L-BFGS, which does not.
_TAIL, _POLISH = 0.4, 0.3
# The fewest iterations of L-BFGS that pay: it has to learn the curvature first.
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
        if polish < _WORTH or not problem.constraint.is_nearest_point:
            return AMDR().solver(problem, budget, engine)
        before = budget - polish
        first = AMDR(polish=(_TAIL * budget - polish) / before).solver(problem, before, engine)
        return ChainSolver(problem, (first, LBFGS(5).solver(problem, polish, engine)))
