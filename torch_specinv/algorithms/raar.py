"""Relaxed averaged alternating reflections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ..errors import check_not_negative
from ..solve.algorithm import Relaxation, Step, register
from ..solve.relaxed import RelaxedProjections, reflections


@register("raar")
@dataclass(frozen=True)
class RAAR(RelaxedProjections):
    r"""Average reflections at both constraints, and lean towards the magnitude.

    With :math:`P = P_S(c)` and :math:`Q = P_C(2 P - c)`:

    .. math:: c \leftarrow \lambda (c + Q) + (1 - 2 \lambda) P

    and the answer is the last :math:`A^+ P_S(c)`, not the one of the least error: the error is not
    monotone, and to an inexact magnitude it says little.

    Parameters
    ----------
    relaxation : float or Tensor, default 0.9
        :math:`\lambda`, from 0 to 1. 0.8 to 0.9 for short runs, 0.95 and more for hundreds of
        iterations; 1 is the difference map, which does not settle.

    References
    ----------
    - Luke: "Relaxed averaged alternating reflections for diffraction imaging", 2005.
    """

    relaxation: float | Tensor = 0.9
    steady: ClassVar[bool] = True
    answers_last: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_not_negative("relaxation", self.relaxation, "Usual: 0.8 to 1.", most=1)

    def coefficients(self, step: Step) -> Relaxation:
        """Return the same numbers always."""
        return reflections(self.relaxation, self.relaxation, 1.0)
