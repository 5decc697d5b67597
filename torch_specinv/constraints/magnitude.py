"""What is known is the magnitude of each bin."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..checks import lift
from ..transform.rounded_alike import magnitude_of
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


def magnitudes_of(spec: Tensor) -> Tensor:
    """Return a real spectrogram, or the magnitude of a complex one, in the precision to compute."""
    lifted = lift(spec)  # first: half precision has no complex absolute value
    return magnitude_of(lifted) if lifted.is_complex() else lifted
