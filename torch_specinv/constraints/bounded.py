r"""Projections whose gradient does not grow.

A projection that keeps the phase of c and sets the magnitude t turns a change of c across its
phase into one that is :math:`t / |c|` times as large. In a recursion over many frames these
factors multiply, and the derivative, though exact, describes only changes far below rounding.
Here they are limited to 1, so that no step makes the gradient larger. Where :math:`|c| \ge t` the
gradient is exact. The gradient with respect to the magnitudes is exact everywhere.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..derivatives import is_differentiated
from .base import Constraint


class Limited(Constraint):
    """A constraint as it is, but for the gradient of its projection, which is limited."""

    def __init__(self, constraint: Constraint) -> None:
        self.constraint = constraint
        self.target = constraint.target

    @property
    def bins(self) -> int:
        """Those of the constraint."""
        return self.constraint.bins

    def project(self, spectrum: Tensor) -> Tensor:
        """Return the projection of a spectrum (batch, bins, frames), its gradient limited."""
        if is_differentiated(spectrum):
            with torch.no_grad():
                size = self.constraint.project(spectrum).abs().detach()
            spectrum = limit_gradient(spectrum, size)
        return self.constraint.project(spectrum)


def limit_gradient(spectrum: Tensor, size: Tensor) -> Tensor:
    """Return the spectrum itself; its gradient is scaled down in bins that grow to `size`."""
    constant = spectrum.detach()
    before = constant.abs()
    largest = torch.maximum(before, size).clamp_min(torch.finfo(size.dtype).tiny)
    # the difference is 0, so the values stay as they are to the last digit
    return constant + (before / largest) * (spectrum - constant)
