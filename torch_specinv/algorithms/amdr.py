"""Annealed, momentum-relaxed Douglas-Rachford, blended into a polish by fast Griffin-Lim."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from ..errors import check_not_negative
from ..solve.algorithm import Step, register
from .relaxed import RelaxedProjections, Row


@register("amdr")
@dataclass(frozen=True)
class AMDR(RelaxedProjections):
    r"""Explore by relaxed Douglas-Rachford steps, cool down, and end in fast Griffin-Lim.

    The rows of :mod:`~torch_specinv.algorithms.relaxed` for the first `1 - polish` of the
    iterations, with :math:`u` running from 0 to 1, are

    .. math:: (q, \; 1 - d u^2, \; a, \; \alpha) ;

    a few more lead over, by half a cosine, to the rows (1, 0, 0, 0.99) of fast Griffin-Lim, which
    make the rest. At the start the weight of the variable itself is 1, as in the difference map,
    which escapes local minima but does not settle; the less it is, the more the iteration does.
    The schedule fills whatever budget it is given.

    Parameters
    ----------
    q : float, default 0.7
        Weight of the reflected spectrum.
    cooling : float, default 0.15
        :math:`d`, how much the weight of the variable falls.
    a : float, default 1.1
        How far to reflect.
    alpha : float, default 0.5
        Momentum.
    polish : float, default 0.4
        The share of the iterations after the exploration.
    blend : int, default 10
        How many of these lead over.
    """

    q: float = 0.7
    cooling: float = 0.15
    a: float = 1.1
    alpha: float = 0.5
    polish: float = 0.4
    blend: int = 10
    planned: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name in ("q", "cooling", "a", "alpha", "polish", "blend"):
            check_not_negative(name, getattr(self, name))

    def row(self, step: Step) -> Row:
        """Return the row of an iteration out of a budget."""
        tail = max(3, round(self.polish * step.budget))
        explore = max(1, step.budget - tail)
        blend = max(0, min(self.blend, tail - 3))
        if step.number < explore:
            u = step.number / max(explore - 1, 1)
            return Row(self.q, 1 - self.cooling * u**2, self.a, self.alpha)
        over = step.number - explore + 1
        w = 0.5 - 0.5 * math.cos(math.pi * over / (blend + 1)) if over <= blend else 1.0
        return Row(
            self.q + (1 - self.q) * w,
            (1 - self.cooling) * (1 - w),
            self.a * (1 - w),
            self.alpha + (0.99 - self.alpha) * w,
        )
