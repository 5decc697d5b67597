"""Some phases are known: the worked example of "Write your own constraint"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from torch_specinv import Constraint, SpecInvError
from torch_specinv.constraints import guard, squared_magnitude


@dataclass(frozen=True, eq=False)
class KnownPhase(Constraint):
    """Every bin has a known magnitude, and some bins have a known phase as well.

    Parameters
    ----------
    target : Tensor
        Magnitudes, (batch, bins, frames).
    phase : Tensor
        Phases in radians, (..., bins, frames).
    known : Tensor
        True where the phase is known, bool, (..., bins, frames); elsewhere `phase` may be anything.
    """

    target: Tensor
    phase: Tensor
    known: Tensor
    tensors: ClassVar[tuple[str, ...]] = ("target", "phase", "known")

    def __post_init__(self) -> None:
        if not isinstance(self.known, Tensor) or self.known.dtype != torch.bool:
            raise SpecInvError("known: expected a bool tensor, True where the phase is known.")
        bins = self.target.shape[-2]
        for name, tensor in (("phase", self.phase), ("known", self.known)):
            if isinstance(tensor, Tensor) and tensor.shape[-2:-1] != (bins,):
                raise SpecInvError(f"{name} has shape {tuple(tensor.shape)}: expected {bins} bins.")

    def project(self, spectrum: Tensor) -> Tensor:
        """Set the magnitude; keep the phase where it is unknown, and set it where it is known."""
        spectrum = guard(spectrum)
        kept = spectrum * (self.target * squared_magnitude(spectrum).rsqrt())
        return torch.where(self.known, torch.polar(self.target, self._phase()), kept)

    def start(self, magnitude: Tensor, phase: Tensor) -> Tensor:
        """Start from the known phases, and from the guess elsewhere."""
        return torch.polar(magnitude, torch.where(self.known, self._phase(), phase.to(magnitude)))

    def _phase(self) -> Tensor:
        """Return the phases; unknown ones are 0, so that no NaN among them gets into a gradient."""
        return torch.where(self.known, self.phase, 0)
