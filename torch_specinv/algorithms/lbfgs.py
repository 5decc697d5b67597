"""L-BFGS on the distance to the magnitude."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..constraints.sources import Sources
from ..engines import recorded
from ..errors import SpecInvError, check_count
from ..optimize.lbfgs import BatchedLBFGS
from ..optimize.stft_objective import SpectrogramObjective
from ..solve.algorithm import Algorithm, MakeSolver, register
from ..solve.problem import SpectrogramProblem
from ..solve.recorded import Recorded
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
    - Byrd, Nocedal, Schnabel: "Representations of quasi-Newton matrices and their use in limited
      memory methods", 1994.
    """

    history_size: int = 10

    def __post_init__(self) -> None:
        check_count("history_size", self.history_size)

    def solver(self, problem: SpectrogramProblem, budget: int, engine: MakeSolver) -> Solver[Any]:
        """Return the L-BFGS solver; its gradients are iterations of Griffin-Lim, by an engine."""
        if isinstance(problem.given, Sources) and not problem.given.is_nearest_point:
            raise SpecInvError(
                "lbfgs takes sources that add up exactly and in equal shares: weight=1 and "
                "distribution='equal'. Or use griffin_lim, raar or auto."
            )
        if not problem.given.is_nearest_point:
            raise SpecInvError(
                "lbfgs takes linear magnitudes, or a constraint whose projection is the nearest "
                f"point, which that of {type(problem.given).__name__} is not: for mel use "
                "amdr or griffin_lim, or L_BFGS with the mel spectrogram as transform_fn."
            )
        looks: Any = engine(problem, GriffinLim(0.0), budget)
        if isinstance(looks, Recorded):  # whole steps are, and not their parts
            looks = looks.plain
        objective = SpectrogramObjective.of(problem, looks)
        solver = BatchedLBFGS(objective, budget, self.history_size)
        return recorded(solver, problem, engine)
