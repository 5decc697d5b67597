"""Relaxed averaged alternating reflections: the worked example of "Write your own algorithm"."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from torch_specinv import Constraint, PointwiseAlgorithm, SpecInvError, Step, register
from torch_specinv.solve import Memory


@register("my_raar")
@dataclass(frozen=True)
class RAAR(PointwiseAlgorithm):
    r"""Average reflections at both constraints, and lean towards the magnitude.

    With :math:`P_S` the projection on the magnitude, :math:`P_C = A A^+` the projection on the
    spectra of waveforms, and :math:`\lambda` the relaxation:

    .. math::

        P = P_S(c), \qquad Q = P_C(2P - c), \qquad
        c \leftarrow \lambda (c + Q) + (1 - 2\lambda) P

    and the answer is :math:`A^+ P_S(c)`.

    Parameters
    ----------
    relaxation : float, default 0.9
        Above 0 and at most 1. Smaller values stay closer to the magnitude.

    References
    ----------
    D. R. Luke, "Relaxed averaged alternating reflections for diffraction imaging", 2005.
    """

    relaxation: float = 0.9

    def __post_init__(self) -> None:
        if not 0 < self.relaxation <= 1:
            raise SpecInvError(
                f"relaxation={self.relaxation!r}: expected a number above 0 and at most 1."
            )

    def begin(self, spectrum: Tensor, constraint: Constraint) -> Memory:
        """Start with c at the starting spectrum: its magnitude is right, so there 2P - c = c."""
        return (spectrum,)

    def rule(
        self, spectrum: Tensor, memory: Memory, constraint: Constraint, step: Step
    ) -> tuple[Tensor, Memory]:
        """Take Q in, move c, and send the next reflection 2P - c out."""
        (c,) = memory
        p = constraint.project(c)
        c = self.relaxation * (c + spectrum) + (1 - 2 * self.relaxation) * p
        return 2 * constraint.project(c) - c, (c,)

    def answer(self, memory: Memory, constraint: Constraint) -> Tensor:
        """Give c the right magnitude."""
        (c,) = memory
        return constraint.project(c)
