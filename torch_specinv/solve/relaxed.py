r"""Relaxed projections: every method whose iteration is a sum of spectra, from RAAR to ADMM.

Such a method is a schedule of numbers, one :class:`~torch_specinv.solve.Relaxation` for each
iteration, and nothing else. The class below is their rule in torch operations; the native engine
runs the same numbers as compiled code.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from ..constraints.base import Constraint
from .algorithm import Memory, PointwiseAlgorithm, Relaxation, Step


class RelaxedProjections(PointwiseAlgorithm):
    """A method that is a schedule. A subclass is a frozen dataclass with :meth:`coefficients`."""

    @abstractmethod
    def coefficients(self, step: Step) -> Relaxation:
        """Return the numbers of an iteration; gradients flow to those that are tensors."""

    def begin(self, spectrum: Tensor, constraint: Constraint) -> Memory:
        """Remember the variable c, its projection P(c), and m.

        The start has the right magnitude, so that c = P(c); and m is 0.
        """
        return spectrum, spectrum, torch.zeros_like(spectrum)

    def rule(
        self, spectrum: Tensor, memory: Memory, constraint: Constraint, step: Step
    ) -> tuple[Tensor, Memory]:
        """Finish an iteration with the consistent spectrum Q, and make the next estimate."""
        n = self.coefficients(step)
        consistent, c, p, m = map(_parts, (spectrum, *memory))
        t = _sum((n.q, consistent), (n.r, c), (n.p, p), (n.s, m))
        c = _sum((n.x, t), (n.y, m), (n.z, p))
        projected = constraint.project(_whole(c, spectrum))
        estimate = _sum((n.e, _parts(projected)), (n.f, c), (n.g, t))
        return _whole(estimate, spectrum), (_whole(c, spectrum), projected, _whole(t, spectrum))

    def answer(self, memory: Memory, constraint: Constraint) -> Tensor:
        """Return the spectrum with the right magnitude."""
        return memory[1]


def reflections(
    q: float | Tensor, r: float | Tensor, a: float | Tensor, alpha: float | Tensor = 0.0
) -> Relaxation:
    r"""Return an iteration that averages reflections, as four numbers say.

    With :math:`P = P_S(c)` the projection on the magnitude and :math:`P_C = A A^+` that on the
    spectra of waveforms:

    .. math::

        Q = P_C\bigl(P + a (P - c)\bigr), \qquad
        t = q Q + r c + (1 - q - r) P, \qquad
        c \leftarrow t + \alpha (t - t_{\text{previous}})

    (1, 0, 0, 0) is Griffin-Lim, (1, 0, 0, 0.99) fast Griffin-Lim, (l, l, 1, 0) RAAR, (1, 1, 1, 0)
    the difference map with beta = 1 and ADMM with rho = 0.

    Parameters
    ----------
    q, r : float or Tensor
        Weights of the reflected and then consistent spectrum, and of the variable itself.
    a : float or Tensor
        How far to reflect beyond the magnitude, for the estimate that this iteration ends with.
    alpha : float or Tensor, default 0.0
        Momentum. It is 0 in the first iteration, before which there has been no move.

    Returns
    -------
    Relaxation
        The iteration.
    """
    return Relaxation(q=q, r=r, p=1 - q - r, x=1 + alpha, y=-alpha, e=1 + a, f=-a)


def _parts(spectrum: Tensor) -> Tensor:
    """Return the real and the imaginary parts: sums of real numbers are quicker."""
    return torch.view_as_real(spectrum) if spectrum.is_complex() else spectrum


def _whole(parts: Tensor, like: Tensor) -> Tensor:
    """Undo :func:`_parts` where it did something."""
    return torch.view_as_complex(parts) if like.is_complex() else parts


def _sum(*terms: tuple[float | Tensor, Tensor]) -> Tensor:
    """Return a sum of weighted tensors in as few passes over memory as there can be."""
    used = [(weight, x) for weight, x in terms if isinstance(weight, Tensor) or weight != 0]
    plain = [weight for weight, _ in used if not isinstance(weight, Tensor)]
    if len(plain) == len(used) == 2 and abs(sum(plain) - 1) < 1e-12:
        return torch.lerp(used[1][1], used[0][1], plain[0])
    # a term that is added as it is costs nothing at the beginning
    used.sort(key=lambda term: isinstance(term[0], Tensor) or term[0] != 1)
    if not used:
        return torch.zeros_like(terms[0][1])
    (first, total), *others = used
    owned = isinstance(first, Tensor) or first != 1
    total = first * total if owned else total
    for weight, x in others:
        if isinstance(weight, Tensor) and weight.device == x.device:
            total = torch.addcmul(total, x, weight)
        elif isinstance(weight, Tensor):
            total = total + weight * x
        elif owned:
            total.add_(x, alpha=weight)
        else:
            total = torch.add(total, x, alpha=weight)
        owned = True
    return total
