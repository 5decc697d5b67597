"""What is known is the magnitude of each bin."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

# Squares below this are silence. Its power -3/2, which the gradient needs, is still finite.
_SILENCE = {torch.float32: 1e-20, torch.float64: 1e-60}


def squared_magnitude(spectrum: Tensor) -> Tensor:
    """Return squares that are never 0, nor have a gradient where they are only rounding."""
    parts = torch.view_as_real(spectrum)
    squares = parts * parts
    return (squares[..., 0] + squares[..., 1]).add_(_SILENCE[parts.dtype])


@dataclass(frozen=True, eq=False)
class Magnitude:
    """Each bin has a known magnitude, (batch, bins, frames)."""

    target: Tensor

    def project(self, spectrum: Tensor) -> Tensor:
        """Keep each bin's phase and set its magnitude; a bin without phase becomes 0."""
        if spectrum.requires_grad:
            # below rounding the phase is chance, and its gradient would be enormous
            below = spectrum.detach().abs() < torch.finfo(self.target.dtype).eps
            spectrum = torch.where(below, spectrum.detach(), spectrum)
        return spectrum * (self.target * squared_magnitude(spectrum).rsqrt_())

    def observe(self, spectrum: Tensor) -> Tensor:
        """Return the magnitude."""
        return spectrum.abs()

    def select(self, items: Tensor | slice) -> Magnitude:
        """Keep some items of the batch."""
        return Magnitude(self.target[items])

    def of_frames(self, frames: slice) -> Magnitude:
        """Keep some of the frames."""
        return Magnitude(self.target[..., frames])

    def guess(self) -> Tensor:
        """Return the magnitude itself."""
        return self.target

    @property
    def exact(self) -> bool:
        """It is."""
        return True
