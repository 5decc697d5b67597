"""The difference map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ..constraints.base import Constraint
from ..errors import SpecInvError
from ..solve.algorithm import Memory, PointwiseAlgorithm, Relaxation, Step, register


@register("difference_map")
@dataclass(frozen=True)
class DifferenceMap(PointwiseAlgorithm):
    r"""Move by the difference of two projections, each after an estimate of the other's.

    .. math::

        c \leftarrow c + \beta \bigl( P_C(f_S(c)) - P_S(f_C(c)) \bigr), \qquad
        f_S(c) = P_S(c) + \tfrac{1}{\beta} (P_S(c) - c), \qquad
        f_C(c) = P_C(c) - \tfrac{1}{\beta} (P_C(c) - c)

    and the answer is :math:`A^+ P_S(c)`. With :math:`\beta = 1`, :math:`f_C(c) = c`, and an
    iteration takes one pair of transforms; otherwise it takes two, so that a step of the loop is
    half an iteration. The map does not settle: the best iterate is kept.

    Parameters
    ----------
    beta : float, default 1.0
        Not 0; of either sign.

    References
    ----------
    - Elser: "Phase retrieval by iterated projections", 2003.
    - Peer, Welker, Gerkmann: "Beyond Griffin-Lim: improved iterative phase retrieval for speech",
      2022.
    """

    beta: float = 1.0
    default_start: ClassVar[str] = "pghi"

    def __post_init__(self) -> None:
        if isinstance(self.beta, str) or not abs(self.beta) > 0:
            raise SpecInvError(f"beta={self.beta!r}: expected a number other than 0.")

    def begin(self, spectrum: Tensor, constraint: Constraint) -> Memory:
        """Remember c, its projection on the magnitude, and P_C(f_S(c)) once it is known.

        The start is c; it has the right magnitude, so that f_S(c) = c as well.
        """
        return spectrum, spectrum, spectrum

    def rule(
        self, spectrum: Tensor, memory: Memory, constraint: Constraint, step: Step
    ) -> tuple[Tensor, Memory]:
        """Given P_C(f_S(c)), or half an iteration later P_C(c), go on."""
        c, projection, reflected = memory
        beta = self.beta
        if beta == 1:
            c = c + spectrum - projection
        elif step.number % 2 == 0:
            return c, (c, projection, spectrum)
        else:
            estimate = spectrum - (spectrum - c) / beta
            c = c + beta * (reflected - constraint.project(estimate))
        projection = constraint.project(c)
        return projection + (projection - c) / beta, (c, projection, reflected)

    def answer(self, memory: Memory, constraint: Constraint) -> Tensor:
        """Return the spectrum with the right magnitude."""
        return memory[1]

    def coefficients(self, step: Step) -> Relaxation | None:
        """Return the same rule in numbers, where it takes one pair of transforms."""
        return Relaxation(q=1.0, r=1.0, p=-1.0, e=2.0, f=-1.0) if self.beta == 1 else None
