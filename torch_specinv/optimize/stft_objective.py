r"""The objective for an STFT: the squared distance of a wave's spectrum to the constraint.

.. math:: f(x) = \tfrac{1}{2} \lVert A x - P_S(A x) \rVert^2
               = \tfrac{1}{2} \lVert\, |A x| - S \,\rVert^2

With :math:`A^H A = D` its gradient is :math:`D (x - A^+ P_S(A x))`. In :math:`z = D^{1/2} x` it
becomes :math:`D^{1/2} (x - A^+ P_S(A x))`: a unit step down is exactly one iteration of
Griffin-Lim, and the curvature is the same everywhere, so L-BFGS behaves far better than on x.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor

from ..solve.problem import SpectrogramProblem


class Looks(Protocol):
    """What an engine knows of the distance of waves to the constraint."""

    def look(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """Return half the squared distances (batch,), and the nearest waves to what is allowed."""
        ...

    def select(self, items: Tensor) -> Self:
        """Keep some items of the batch."""
        ...


@dataclass(frozen=True, eq=False)
class SpectrogramObjective:
    """Half the squared distance to the constraint, in coordinates scaled by the envelope."""

    problem: SpectrogramProblem
    engine: Looks
    root: Tensor
    """What samples are scaled by: (length,), or (..., length) where items have lengths."""
    inverse: Tensor
    """What undoes it; 0 for samples that no frame sees."""
    first_step: bool = True

    @classmethod
    def of(cls, problem: SpectrogramProblem, engine: Looks) -> SpectrogramObjective:
        """Scale the coordinates of a problem, whose distances an engine knows."""
        root = problem.stft.envelope.sqrt()
        if root.ndim > 1:  # there is one for each wave
            root = root.view(*problem.like.shape[:-2], -1)
        return cls(problem, engine, root, 1 / torch.where(root > 0, root, torch.inf))

    def evaluate(self, point: Tensor) -> tuple[Tensor, Tensor]:
        """Return values and gradients by one analysis and one synthesis."""
        wave = self.wave(point)
        value, nearest = self.engine.look(wave)
        return value, self.point(wave - nearest)

    def point(self, wave: Tensor) -> Tensor:
        """Scale samples by what they are seen through."""
        return (wave * self.root).flatten(1)

    def wave(self, point: Tensor) -> Tensor:
        """Undo the scaling."""
        length = self.problem.stft.geometry.length
        return point.reshape(*self.problem.like.shape[:-2], length) * self.inverse

    def answer(self, point: Tensor) -> Tensor:
        """Return the waves, without clicks where samples are hardly seen."""
        return self.problem.finish(self.wave(point))

    def begin(self, spectrum: Tensor) -> Tensor:
        """Synthesise the starting spectrum."""
        constraint = self.problem.constraint
        return self.problem.stft.synthesise(constraint.before_synthesis(spectrum))

    def select(self, items: Tensor) -> SpectrogramObjective:
        """Keep some items of the batch."""
        return self.of(self.problem.select(items), self.engine.select(items))
