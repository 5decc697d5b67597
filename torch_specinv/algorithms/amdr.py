"""Annealed, momentum-relaxed Douglas-Rachford on alternating frames."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from ..errors import check_count, check_not_negative, check_switch
from ..solve.algorithm import Relaxation, Step, register
from ..solve.momentum import check_momentum
from ..solve.relaxed import RelaxedProjections, reflections

# The momentum of the polish. Where the even and the odd frames agree, taking turns is stable for a
# momentum below 3/4 only; updating all frames at once is up to 1.
_IN_TURN, _AT_ONCE = 0.7, 0.99


@register("amdr")
@dataclass(frozen=True)
class AMDR(RelaxedProjections):
    r"""Explore by relaxed Douglas-Rachford steps, cool down, and end in Griffin-Lim's.

    The numbers of :func:`~torch_specinv.algorithms.reflections` for the first `1 - polish` of the
    iterations, with :math:`u` running from 0 to 1, are

    .. math:: (q, \; 1 - d u^2, \; a, \; \alpha) .

    The next `blend` iterations change these numbers, by half a cosine, to (1, 0, 0, 0.7). That is
    Griffin-Lim with momentum, which makes the remaining iterations. At the start the weight of the
    variable itself is 1, as in the difference map, which escapes local minima but does not settle.
    The smaller it is, the more the iteration settles. The schedule fits any budget.

    Within an iteration the even frames are updated first, and the odd ones from the result, as the
    unknowns in the Gauss-Seidel method. Each frame is still transformed once in an iteration.

    Parameters
    ----------
    q : float, default 0.9
        Weight of the reflected spectrum.
    cooling : float, default 0.15
        :math:`d`, how much the weight of the variable falls during the exploration, at most 1.
    a : float, default 1.1
        How far to reflect.
    alpha : float, default 0.4
        Momentum. Values above 1 raise a warning.
    polish : float, default 0.4
        The share of the iterations after the exploration, at most 1.
    blend : int, default 10
        How many of these change the numbers gradually.
    alternating : bool, default True
        Whether even and odd frames are updated alternately. For all at once q=0.7 and alpha=0.5
        do best.
    """

    q: float = 0.9
    cooling: float = 0.15
    a: float = 1.1
    alpha: float = 0.4
    polish: float = 0.4
    blend: int = 10
    alternating: bool = True
    planned: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name in ("q", "a"):
            check_not_negative(name, getattr(self, name))
        for name in ("cooling", "polish"):
            check_not_negative(name, getattr(self, name), most=1)
        check_momentum("alpha", self.alpha)
        check_count("blend", self.blend, least=0)
        check_switch("alternating", self.alternating)

    def interlaced_groups(self) -> int:
        """Return 2 if even and odd frames are updated alternately."""
        return 2 if self.alternating else 1

    def coefficients(self, step: Step) -> Relaxation:
        """Return the numbers of an iteration, which ends with the reflection of the next one."""
        q, r, _, alpha = self.row(step)
        a = self.row(Step(step.number + 1, step.budget))[2]
        return reflections(q, r, a, alpha if step.number else 0.0)

    def row(self, step: Step) -> tuple[float, float, float, float]:
        """Return (q, r, a, alpha) of an iteration out of a budget."""
        tail = max(3, round(self.polish * step.budget))
        explore = max(1, step.budget - tail)
        blend = max(0, min(self.blend, tail - 3))
        if step.number < explore:
            u = step.number / max(explore - 1, 1)
            return self.q, 1 - self.cooling * u**2, self.a, self.alpha
        over = step.number - explore + 1
        w = 0.5 - 0.5 * math.cos(math.pi * over / (blend + 1)) if over <= blend else 1.0
        end = _IN_TURN if self.alternating else _AT_ONCE
        return (
            self.q + (1 - self.q) * w,
            (1 - self.cooling) * (1 - w),
            self.a * (1 - w),
            self.alpha + (end - self.alpha) * w,
        )
