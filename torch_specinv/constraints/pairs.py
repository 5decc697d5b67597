"""Constraints on spectra as pairs of real numbers, where there are no complex ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from ..transform.sizes import real_bins
from .base import SILENCE, Constraint
from .phase_keeping import PhaseKeeping


@dataclass(frozen=True, eq=False)
class Pairs(Constraint):
    """A constraint for spectra as real tensors, the imaginary parts below the real ones.

    They are (batch, 2 bins, frames), as :class:`torch_specinv.transform.real_stft.RealSTFT` has
    them. Rules that add spectra and project them need not know.
    """

    inner: PhaseKeeping

    @property
    def target(self) -> Tensor:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What was observed."""
        return self.inner.target

    def project(self, spectrum: Tensor) -> Tensor:
        """Do on pairs what the constraint does on complex numbers."""
        pairs = spectrum.unflatten(1, (2, -1))
        if spectrum.requires_grad:  # as guard does
            below = pairs.detach().square().sum(1, keepdim=True).sqrt()
            below = below < torch.finfo(pairs.dtype).eps
            pairs = torch.where(below, pairs.detach(), pairs)
        squares = pairs.square().sum(1) + SILENCE[pairs.dtype]
        return (pairs * self.inner.factors(squares).unsqueeze(1)).flatten(1, 2)

    def map_tensors(self, function: Callable[[Tensor], Tensor]) -> Self:
        """Apply a function to the tensors of the constraint."""
        return type(self)(self.inner.map_tensors(function))

    def of_phase(self, phase: Tensor | None, n_fft: int) -> Tensor:
        """Return the spectrum to start from: a phase in radians (batch, bins, frames), or zero.

        Bins that must be real keep the sign of their real part.
        """
        magnitude = self.inner.magnitude()
        if phase is None:
            return torch.cat([magnitude, torch.zeros_like(magnitude)], 1)
        bins = magnitude.shape[-2]
        number = torch.arange(bins, device=magnitude.device)[:, None]
        real = torch.stack([number == bin_ for bin_ in real_bins(n_fft)]).any(0)
        cosine, sine = phase.cos(), phase.sin()
        cosine = torch.where(real, torch.where(cosine < 0, -1.0, 1.0).to(cosine), cosine)
        return torch.cat([magnitude * cosine, magnitude * torch.where(real, 0, sine)], 1)
