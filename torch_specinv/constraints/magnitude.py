"""What is known is the magnitude of each bin."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from .phase_keeping import PhaseKeeping


@dataclass(frozen=True, eq=False)
class Magnitude(PhaseKeeping):
    """Each bin has a known magnitude, (batch, bins, frames)."""

    target: Tensor
    is_nearest_point = True

    def factors(self, squares: Tensor) -> Tensor:
        """Return the quotient of the magnitudes."""
        return self.target * squares.rsqrt_()

    def spread(self, factors: Tensor) -> Tensor:
        """Return the factors: each bin has its own."""
        return factors
