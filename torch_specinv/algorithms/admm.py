"""The alternating direction method of multipliers for phase recovery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..constraints.base import Constraint
from ..errors import check_not_negative
from ..solve.algorithm import Memory, PointwiseAlgorithm, Relaxation, Step, register


@register("admm")
@dataclass(frozen=True)
class ADMM(PointwiseAlgorithm):
    r"""Griffin-Lim-like phase recovery by ADMM (GLADMM).

    With :math:`P_S` the projection on the magnitude and :math:`P_C = A A^+` that on consistent
    spectra, for :math:`X, Z` on either side and :math:`U` the scaled multiplier:

    .. math::

        X \leftarrow P_S(Z - U), \qquad
        Z \leftarrow \frac{\rho (X + U) + P_C(X + U)}{1 + \rho}, \qquad
        U \leftarrow X + U - Z

    and the answer is :math:`A^+ X`. The error is not monotone.

    Parameters
    ----------
    rho : float or Tensor, default 0.1
        How much inconsistency is allowed, at least 0. Small values escape local minima best;
        with large ones the iterates hardly move. Prefer larger ones (0.5 to 1) for noisy
        magnitudes.

    References
    ----------
    - Masuyama, Yatabe, Oikawa: "Griffin-Lim like phase recovery via alternating direction method
      of multipliers", 2019.
    """

    rho: float | Tensor = 0.1
    steady: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_not_negative("rho", self.rho, "Usual values lie between 0 and 1.")

    def begin(self, spectrum: Tensor, constraint: Constraint) -> Memory:
        """Remember X + U and X; the multiplier starts at 0."""
        return spectrum, spectrum

    def rule(
        self, spectrum: Tensor, memory: Memory, constraint: Constraint, step: Step
    ) -> tuple[Tensor, Memory]:
        """Given P_C(X + U), update U and X; Z is never stored, as Z = X + U - U_new."""
        # sums of real numbers are quicker than those of complex ones
        both, consistent = torch.view_as_real(memory[0]), torch.view_as_real(spectrum)
        u = (both - consistent).div_(1 + self.rho)
        x = constraint.project(torch.view_as_complex(torch.sub(both, u, alpha=2)))
        both = torch.view_as_complex(torch.view_as_real(x) + u)
        return both, (both, x)

    def answer(self, memory: Memory, constraint: Constraint) -> Tensor:
        """Return the spectrum with the right magnitude."""
        return memory[1]

    def coefficients(self, step: Step) -> Relaxation | None:
        """Return the same rule in numbers: c is Z - U, the memory is U."""
        if isinstance(self.rho, Tensor):
            return None
        share = 1 / (1 + self.rho)
        return Relaxation(q=-share, p=share, s=share, x=-2.0, y=1.0, z=1.0, g=1.0)
