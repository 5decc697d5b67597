"""L-BFGS on the distance to the magnitude."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..constraints.magnitude import Magnitude
from ..constraints.sources import Sources
from ..engines import NativeEngine, recorded
from ..errors import SpecInvError, check_count
from ..optimize.lbfgs import BatchedLBFGS
from ..optimize.stft_objective import SpectrogramObjective
from ..solve.algorithm import Algorithm, MakeSolver, register
from ..solve.problem import SpectrogramProblem
from ..solve.solver import Solver
from .griffin_lim import GriffinLim


@register("lbfgs")
@dataclass(frozen=True)
class LBFGS(Algorithm):
    r"""Minimise the error of the magnitude by L-BFGS over the waveform.

    .. math:: \min_x \tfrac{1}{2} \lVert\, |A x| - S \,\rVert^2

    in the coordinates :math:`z = D^{1/2} x` with :math:`D = A^H A`, where the first step is one
    of Griffin-Lim. An iteration is one analysis and one synthesis; the error never rises.

    Parameters
    ----------
    history_size : int, default 10
        How many past moves tell about the curvature.

    References
    ----------
    - Decorsière, Søndergaard, MacDonald, Dau: "Inversion of auditory spectrograms, traditional
      spectrograms, and other envelope representations", 2015.
    - Nocedal: "Updating quasi-Newton matrices with limited storage", 1980.
    """

    history_size: int = 10

    def __post_init__(self) -> None:
        check_count("history_size", self.history_size)

    def solver(self, problem: SpectrogramProblem, budget: int, engine: MakeSolver) -> Solver[Any]:
        """Return the L-BFGS solver; the native engine makes the trips of its evaluations."""
        if isinstance(problem.constraint, Sources) and not problem.constraint.is_nearest_point:
            raise SpecInvError(
                "lbfgs takes sources that add up exactly and in equal shares: weight=1 and "
                "distribution='equal'. Or use griffin_lim, raar or auto."
            )
        if not problem.constraint.is_nearest_point:
            raise SpecInvError(
                "lbfgs takes linear magnitudes, or a constraint whose projection is the nearest "
                f"point, which that of {type(problem.constraint).__name__} is not: for mel use "
                "amdr or griffin_lim, or L_BFGS with the mel spectrogram as transform_fn."
            )
        objective = SpectrogramObjective(problem, make=_native(problem, engine))
        solver = BatchedLBFGS(objective, budget, self.history_size)
        return recorded(solver, problem, engine, settled=self.history_size)


def _native(
    problem: SpectrogramProblem, engine: Any
) -> Callable[[SpectrogramProblem], NativeEngine] | None:
    """Return what makes the native engine, where that would carry out an iteration, or None."""
    chosen, rule = getattr(engine, "chosen", None), GriffinLim()
    if chosen is None or type(problem.constraint) is not Magnitude:
        return None
    kind: Any = chosen(problem, rule, 1)
    if isinstance(kind, str) or not issubclass(kind, NativeEngine):
        return None
    return lambda part: kind(part, rule, 1)
