r"""The objective for an STFT: the squared distance of a wave's spectrum to the constraint.

.. math:: f(x) = \tfrac{1}{2} \lVert A x - P_S(A x) \rVert^2
               = \tfrac{1}{2} \lVert\, |A x| - S \,\rVert^2

With :math:`A^H A = D` its gradient is :math:`D (x - A^+ P_S(A x))`. In :math:`z = D^{1/2} x` it
becomes :math:`D^{1/2} (x - A^+ P_S(A x))`: a unit step down is exactly one iteration of
Griffin-Lim, and the curvature is the same everywhere, so L-BFGS behaves far better than on x.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from ..forks import cached_property
from ..solve.problem import SpectrogramProblem


class Traveller(Protocol):
    """An engine with a way of its own to make the trip of an evaluation."""

    def trip(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """Do the same as :meth:`SpectrogramObjective.trip`."""
        ...


@dataclass(frozen=True, eq=False)
class SpectrogramObjective:
    """Half the squared distance to the constraint, in coordinates scaled by the envelope."""

    problem: SpectrogramProblem
    first_step: bool = True
    make: Callable[[SpectrogramProblem], Traveller] | None = None
    """Makes the engine that makes the trips, where there is one."""

    def evaluate(self, point: Tensor) -> tuple[Tensor, Tensor]:
        """Return values and gradients by one analysis and one synthesis."""
        wave = self.wave(point)
        energy, nearest = self.trip(wave)
        return 0.5 * energy, self.point(wave - nearest)

    def trip(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """Return how far the spectra of waves (batch, samples) are from the constraint.

        As the energy of the difference, (batch,), and with the waves of the nearest spectra.
        """
        if self._engine is not None:
            return self._engine.trip(wave)
        stft, constraint = self.problem.stft, self.problem.constraint
        spectrum = stft.analyse(wave)
        projection = constraint.project(spectrum)
        energy = self.problem.residual(spectrum, projection).flatten(1).sum(1)
        # of waves that are related, the change within what is allowed
        return energy, stft.synthesise(constraint.before_synthesis(projection))

    @cached_property
    def _engine(self) -> Traveller | None:
        return None if self.make is None else self.make(self.problem)

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
