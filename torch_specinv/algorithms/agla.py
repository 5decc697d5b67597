"""The accelerated Griffin-Lim algorithm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ..constraints.base import Constraint
from ..errors import check_not_negative
from ..solve.algorithm import Memory, PointwiseAlgorithm, Projection, Step, register
from ..solve.momentum import check_momentum


@register("agla")
@dataclass(frozen=True)
class AGLA(PointwiseAlgorithm):
    r"""Griffin-Lim with two momentum terms and a relaxation.

    .. math::

        t_k = (1 - \gamma) d_{k-1} + \gamma A^+ P_S(A y_{k-1}), \qquad
        y_k = t_k + \alpha (t_k - t_{k-1}), \qquad
        d_k = t_k + \beta (t_k - t_{k-1})

    and the answer is :math:`A^+ P_S(A y_{k-1})`. All of these are waves, so only two waves are kept
    from one iteration to the next. With :math:`\gamma = 1` it is fast Griffin-Lim.

    Parameters
    ----------
    alpha : float or Tensor, default 0.9
        Momentum of :math:`y`, which is analysed next. Values above 1 raise a warning.
    beta : float or Tensor, default 0.5
        Momentum of :math:`d`, which the projection is averaged with.
    gamma : float or Tensor, default 1.25
        Relaxation: 1 takes the projection as it is, more goes beyond it.

    References
    ----------
    - Nenov, Nguyen, Balazs, Boț: "Accelerated Griffin-Lim algorithm: a fast and provably
      converging numerical method for phase retrieval", 2023.
    """

    alpha: float | Tensor = 0.9
    beta: float | Tensor = 0.5
    gamma: float | Tensor = 1.25
    steady: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_momentum("alpha", self.alpha)
        for name in ("beta", "gamma"):
            check_not_negative(name, getattr(self, name))

    def rule(
        self, spectrum: Tensor, memory: Memory, constraint: Constraint, step: Step
    ) -> tuple[Tensor, Memory]:
        """Return the nearest spectrum with the right magnitude."""
        return constraint.project(spectrum), memory

    def remember(self, wave: Tensor) -> Memory:
        """Keep t and d of the last iteration."""
        return wave, wave

    def mix(self, wave: Tensor, past: Memory, step: Step) -> tuple[Tensor, Memory]:
        """Relax, and go on in the direction of the last change."""
        previous, average = past
        t = (1 - self.gamma) * average + self.gamma * wave
        change = t - previous
        return t + self.alpha * change, (t, t + self.beta * change)

    def coefficients(self, step: Step) -> Projection:
        """Return that the magnitude is set, and waves are mixed."""
        return Projection()
