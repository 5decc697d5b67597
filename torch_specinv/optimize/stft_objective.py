r"""The objective for an STFT: the squared distance of a wave's spectrum to the constraint.

.. math:: f(x) = \tfrac{1}{2} \lVert A x - P_S(A x) \rVert^2
               = \tfrac{1}{2} \lVert\, |A x| - S \,\rVert^2

With :math:`A^H A = D` its gradient is :math:`D (x - A^+ P_S(A x))`. In :math:`z = D^{1/2} x` it
becomes :math:`D^{1/2} (x - A^+ P_S(A x))`: a unit step down is exactly one iteration of
Griffin-Lim, and the curvature is the same everywhere, so L-BFGS behaves far better than on x.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..solve.problem import SpectrogramProblem


@dataclass(frozen=True, eq=False)
class SpectrogramObjective:
    """Half the squared distance to the constraint, in coordinates scaled by the envelope."""

    problem: SpectrogramProblem
    first_step: bool = True

    def evaluate(self, point: Tensor) -> tuple[Tensor, Tensor]:
        """Return values and gradients by one analysis and one synthesis."""
        stft = self.problem.stft
        wave = self.wave(point)
        spectrum = stft.analyse(wave)
        projection = self.problem.constraint.project(spectrum)
        value = 0.5 * self.problem.residual(spectrum, projection).flatten(1).sum(1)
        # of waves that are related, the change within what is allowed
        nearest = stft.synthesise(self.problem.constraint.before_synthesis(projection))
        return value, self.point(wave - nearest)

    def point(self, wave: Tensor) -> Tensor:
        """Scale samples by what they are seen through."""
        return (wave * self._root()).flatten(1)

    def wave(self, point: Tensor) -> Tensor:
        """Undo the scaling; samples that no frame sees are 0."""
        root, target = self._root(), self.problem.target
        waves = point.reshape(*target.shape[:-2], self.problem.stft.geometry.length)
        return waves / torch.where(root > 0, root, torch.inf)

    def answer(self, point: Tensor) -> Tensor:
        """Return the waves, without clicks where samples are hardly seen."""
        return self.problem.finish(self.wave(point))

    def begin(self, spectrum: Tensor) -> Tensor:
        """Synthesise the starting spectrum."""
        constraint = self.problem.constraint
        return self.problem.stft.synthesise(constraint.before_synthesis(spectrum))

    def select(self, items: Tensor) -> SpectrogramObjective:
        """Keep some items of the batch."""
        return replace(self, problem=self.problem.select(items))

    def _root(self) -> Tensor:
        root = self.problem.stft.envelope.sqrt()
        # of items with lengths of their own there is one for each wave
        return root if root.ndim == 1 else root.view(*self.problem.target.shape[:-2], -1)
