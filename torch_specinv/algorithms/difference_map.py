"""The difference map."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from ..constraints.base import Constraint
from ..errors import SpecInvError, read_number
from ..solve.algorithm import Memory, Relaxation, Step, register
from ..solve.relaxed import RelaxedProjections, reflections


@register("difference_map")
@dataclass(frozen=True)
class DifferenceMap(RelaxedProjections):
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
        Finite and not 0; of either sign.

    References
    ----------
    - Elser: "Phase retrieval by iterated projections", 2003.
    - Peer, Welker, Gerkmann: "Beyond Griffin-Lim: improved iterative phase retrieval for speech",
      2022.
    """

    beta: float = 1.0

    def __post_init__(self) -> None:
        number = read_number(self.beta)
        if not math.isfinite(number) or number == 0:
            raise SpecInvError(f"beta={self.beta!r}: expected a finite number other than 0.")

    def coefficients(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, step: Step
    ) -> Relaxation | None:
        """Return the same numbers always, or None where beta takes two pairs of transforms."""
        return reflections(1.0, 1.0, 1.0) if self.beta == 1 else None

    def rule(
        self, spectrum: Tensor, memory: Memory, constraint: Constraint, step: Step
    ) -> tuple[Tensor, Memory]:
        """Given P_C(f_S(c)), or half an iteration later P_C(c), go on."""
        if self.beta == 1:
            return super().rule(spectrum, memory, constraint, step)
        c, projection, reflected = memory
        if step.number % 2 == 0:
            return c, (c, projection, spectrum)
        estimate = spectrum - (spectrum - c) / self.beta
        c = c + self.beta * (reflected - constraint.project(estimate))
        projection = constraint.project(c)
        return projection + (projection - c) / self.beta, (c, projection, reflected)
