"""Griffin-Lim and fast Griffin-Lim."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..constraints.base import Constraint
from ..solve.algorithm import Memory, Momentum, PointwiseAlgorithm, Step, register
from ..solve.momentum import check_momentum


@register("griffin_lim")
@dataclass(frozen=True)
class GriffinLim(PointwiseAlgorithm):
    r"""Alternate between the given magnitude and the spectra of waveforms, with momentum.

    With :math:`P_S` the projection on the magnitude, :math:`A` analysis, :math:`A^+` synthesis:

    .. math::

        t_k = A^+ P_S(A y_{k-1}), \qquad y_k = t_k + \alpha (t_k - t_{k-1})

    and the answer is :math:`t_k`. This is the recursion of the paper: there the momentum is
    on spectra, all of which are transforms of waves, so here it is on the waves.

    Parameters
    ----------
    alpha : float or Tensor, default 0.99
        Momentum. 0 is the method of Griffin and Lim, whose error never rises; values above
        1 stall at a worse error, and raise a warning.

    References
    ----------
    - Griffin, Lim: "Signal estimation from modified short-time Fourier transform", 1984.
    - Perraudin, Balazs, Søndergaard: "A fast Griffin-Lim algorithm", 2013.
    """

    alpha: float | Tensor = 0.99
    steady: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_momentum("alpha", self.alpha, "alpha=0 is plain Griffin-Lim, 0.99 the fast one.")

    def rule(
        self, spectrum: Tensor, memory: Memory, constraint: Constraint, step: Step
    ) -> tuple[Tensor, Memory]:
        """Return the nearest spectrum with the right magnitude."""
        return constraint.project(spectrum), memory

    def remember(self, wave: Tensor) -> Memory:
        """Momentum needs the last wave."""
        return (wave,)

    def mix(self, wave: Tensor, past: Memory, step: Step) -> tuple[Tensor, Memory]:
        """Go on in the direction of the last change."""
        alpha = self.coefficients(step).alpha
        if isinstance(alpha, Tensor):
            return wave + alpha * (wave - past[0]), (wave,)
        return torch.lerp(past[0], wave, 1 + alpha), (wave,)

    def coefficients(self, step: Step) -> Momentum:
        """Return the same momentum always."""
        return Momentum(self.alpha)
