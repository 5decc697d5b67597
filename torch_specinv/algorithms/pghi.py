"""Phase gradient heap integration as a method of its own: no iterations at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from ..phase import starting_spectrum
from ..solve.algorithm import Algorithm, MakeSolver, register
from ..solve.problem import SpectrogramProblem
from ..solve.solver import Solver


@register("pghi")
@dataclass(frozen=True)
class PGHI(Algorithm):
    """Synthesise the magnitude with the phase of PGHI once, whatever the number of iterations.

    It is the quickest method, and the start of the best ones. Gradients flow through the
    magnitude; the phase counts as a constant.

    References
    ----------
    - Průša, Balazs, Søndergaard: "A noniterative method for reconstruction of phase from STFT
      magnitude", 2017.
    """

    takes_start: ClassVar[bool] = False

    def solver(self, problem: SpectrogramProblem, budget: int, engine: MakeSolver) -> Solver[Any]:
        """Take no step."""
        return _SinglePass(problem)


@dataclass(frozen=True, eq=False)
class _SinglePass(Solver[Tensor]):
    """The state is the wave."""

    problem: SpectrogramProblem
    steps: int = 0

    def start(self, spectrum: Tensor) -> Tensor:
        """Synthesise."""
        stft = self.problem.stft
        constraint = self.problem.constraint
        start = starting_spectrum(constraint, stft, "pghi", None)
        return self.problem.finish(stft.synthesise(constraint.before_synthesis(start)))

    def advance(self, state: Tensor, until: int) -> Tensor:
        """Do nothing."""
        return state

    def wave(self, state: Tensor) -> Tensor:
        """Return the wave."""
        return state

    def select(self, items: Tensor) -> _SinglePass:
        """Go on with some items of the batch."""
        return _SinglePass(self.problem.select(items))
