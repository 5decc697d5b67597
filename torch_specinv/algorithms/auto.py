"""What to use when nothing is known: explore from PGHI, cool down, polish."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ..solve.algorithm import Algorithm, Engine, register
from ..solve.chain import ChainSolver
from ..solve.problem import SpectrogramProblem
from ..solve.solver import Solver
from .amdr import AMDR
from .lbfgs import LBFGS

# Of the iterations after the exploration so many lead over to the polish.
_BLEND = 10
# A polish by L-BFGS must learn the curvature first: shorter ones are fast Griffin-Lim.
_WORTH = 6


@register("auto")
@dataclass(frozen=True)
class Auto(Algorithm):
    """AMDR from a PGHI start, polished by L-BFGS; scales with the budget.

    Six tenths of the iterations explore, a few lead over to fast Griffin-Lim, and L-BFGS makes
    the rest. Short budgets are AMDR alone.
    """

    default_start: ClassVar[str] = "pghi"
    planned: ClassVar[bool] = True

    def solver(self, problem: SpectrogramProblem, budget: int, engine: Engine) -> Solver[Any]:
        """Plan the budget."""
        tail = round(0.4 * budget)
        blend = min(_BLEND, tail - 3) + 3
        # handing over and the first evaluation take a pair of transforms each
        polish = tail - blend - 2
        if polish < _WORTH:
            return AMDR().solver(problem, budget, engine)
        explore = budget - polish
        first = AMDR(polish=blend / explore, blend=blend - 3).solver(problem, explore, engine)
        return ChainSolver(problem, (first, LBFGS(5).solver(problem, polish, engine)))
