"""The alternating direction method of multipliers for phase recovery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ..errors import check_not_negative
from ..solve.algorithm import Relaxation, Step, register
from ..solve.relaxed import RelaxedProjections


@register("admm")
@dataclass(frozen=True)
class ADMM(RelaxedProjections):
    r"""Griffin-Lim-like phase recovery by ADMM (GLADMM).

    With :math:`P_S` the projection on the magnitude and :math:`P_C = A A^+` that on consistent
    spectra, for :math:`X, Z` on either side and :math:`U` the scaled multiplier:

    .. math::

        X \leftarrow P_S(Z - U), \qquad
        Z \leftarrow \frac{\rho (X + U) + P_C(X + U)}{1 + \rho}, \qquad
        U \leftarrow X + U - Z

    and the answer is the last :math:`A^+ X = A^+ (X + U)`, not the one of the least error: the
    error is not monotone, and to an inexact magnitude it says little.

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
    answers_last: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_not_negative("rho", self.rho, "Usual values lie between 0 and 1.")

    def coefficients(self, step: Step) -> Relaxation:
        """Return the same numbers always: c is Z - U, and m is (1 + rho) U."""
        share = 1 / (1 + self.rho)
        return Relaxation(q=-1.0, p=1.0, s=share, x=-2 * share, y=share, z=1.0, g=share)
