r"""One rule with four numbers: the family of relaxed projections.

With :math:`P = P_S(c)` the projection on the magnitude and :math:`P_C = A A^+` that on the spectra
of waveforms, an iteration with the row :math:`(q, r, a, \alpha)` is

.. math::

    Q = P_C\bigl(P + a (P - c)\bigr), \qquad
    t = q Q + r c + (1 - q - r) P, \qquad
    c \leftarrow t + \alpha (t - t_{\text{previous}})

and the answer is :math:`A^+ P_S(c)`. A method is a schedule of rows, one for each iteration:
(1, 0, 0, 0) is Griffin-Lim, (1, 0, 0, 0.99) fast Griffin-Lim, (l, l, 1, 0) RAAR, (1, 1, 1, 0) the
difference map with beta = 1 and ADMM with rho = 0.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from ..constraints.base import Constraint
from ..solve.algorithm import Memory, PointwiseAlgorithm, Relaxation, Step


class Row(NamedTuple):
    """What an iteration does."""

    q: float | Tensor
    """Weight of the reflected and then consistent spectrum."""
    r: float | Tensor
    """Weight of the variable itself."""
    a: float | Tensor
    """How far to reflect beyond the magnitude."""
    alpha: float | Tensor
    """Momentum."""


class RelaxedProjections(PointwiseAlgorithm):
    """A method that is a schedule of rows. A subclass is a frozen dataclass with :meth:`row`."""

    default_start: ClassVar[str] = "pghi"

    @abstractmethod
    def row(self, step: Step) -> Row:
        """Return the row of an iteration."""

    def begin(self, spectrum: Tensor, constraint: Constraint) -> Memory:
        """Remember the variable c, its projection P, and the last t.

        The start has the right magnitude, so that c = P, and its reflection is itself.
        """
        return spectrum, spectrum, spectrum

    def rule(
        self, spectrum: Tensor, memory: Memory, constraint: Constraint, step: Step
    ) -> tuple[Tensor, Memory]:
        """Finish an iteration with the consistent spectrum Q; reflect for the next one."""
        q, r, _, alpha = self.row(step)
        # sums of real numbers are quicker than those of complex ones
        q_part, c, projection, previous = map(torch.view_as_real, (spectrum, *memory))
        t = _along(projection, q_part, q)
        t = _plus(_plus(t, c, r), projection, -r)
        # there is no momentum before there has been a move
        still = step.number == 0 or (not isinstance(alpha, Tensor) and alpha == 0)
        c = t if still else _along(previous, t, 1 + alpha)
        complex_c = torch.view_as_complex(c)
        projected = constraint.project(complex_c)
        a = self.row(Step(step.number + 1, step.budget)).a
        estimate = _along(c, torch.view_as_real(projected), 1 + a)
        memory = complex_c, projected, torch.view_as_complex(t)
        return torch.view_as_complex(estimate), memory

    def answer(self, memory: Memory, constraint: Constraint) -> Tensor:
        """Return the spectrum with the right magnitude."""
        return memory[1]

    def coefficients(self, step: Step) -> Relaxation | None:
        """Return the same rule in numbers."""
        row, a = self.row(step), self.row(Step(step.number + 1, step.budget)).a
        numbers = [x for x in (row.q, row.r, a, row.alpha) if not isinstance(x, Tensor)]
        if len(numbers) < 4:
            return None
        q, r, a, alpha = numbers
        alpha = 0.0 if step.number == 0 else alpha
        return Relaxation(q=q, r=r, p=1 - q - r, x=1 + alpha, y=-alpha, e=1 + a, f=-a)


def _along(start: Tensor, end: Tensor, share: float | Tensor) -> Tensor:
    """Return the point at `share` of the way from one spectrum to another, or beyond."""
    if isinstance(share, Tensor):
        return start + share * (end - start)
    return torch.lerp(start, end, share)  # one pass over memory


def _plus(x: Tensor, y: Tensor, share: float | Tensor) -> Tensor:
    """Return x and a share of y; x may be written over."""
    return x + share * y if isinstance(share, Tensor) else x.add_(y, alpha=share)
