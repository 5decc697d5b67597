"""Constraints that change magnitudes alone."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

from .base import Constraint, guard, squared_magnitude


class PhaseKeeping(Constraint):
    """A constraint whose projection multiplies each bin by a number that is not negative.

    The number follows from the squared magnitudes alone, so that a projection can be computed on
    any representation of complex numbers.
    """

    @abstractmethod
    def factors(self, squares: Tensor) -> Tensor:
        """Return by what to multiply bins of these squared magnitudes, (batch, bins, frames).

        They are positive, see :func:`squared_magnitude`, and may be written over.
        """

    def project(self, spectrum: Tensor) -> Tensor:
        """Keep each bin's phase and set its magnitude; a bin without phase becomes 0."""
        spectrum = guard(spectrum)
        return spectrum * self.factors(squared_magnitude(spectrum))
