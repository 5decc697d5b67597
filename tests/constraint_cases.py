"""What tests of constraints share: those of the page "Write your own constraint", and spectra."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from tests.conftest import hann
from torch_specinv import Constraint
from torch_specinv.constraints import guard, squared_magnitude
from torch_specinv.solve import ALGORITHMS

RUN = {"window": hann(256), "hop_length": 64, "verbose": False}
TAKES_NEAREST_POINTS_ONLY = {"lbfgs", "rtisi_la"}
TAKING = sorted(ALGORITHMS.keys() - TAKES_NEAREST_POINTS_ONLY)


@dataclass(frozen=True, eq=False)
class Confident(Constraint):
    """The weighted magnitudes of the page."""

    target: Tensor
    weight: Tensor
    tensors = ("target", "weight")

    def project(self, spectrum):
        spectrum = guard(spectrum)
        nearest = spectrum * (self.target * squared_magnitude(spectrum).rsqrt())
        return spectrum + self.weight * (nearest - spectrum)

    def error(self, observed):
        return (self.weight * (observed - self.target).square()).sum((1, 2))

    @property
    def energy(self):
        return (self.weight * self.target.square()).sum((1, 2))


def spectra(waves: Tensor) -> Tensor:
    """Return complex spectra of (..., samples)."""
    window = hann(256, waves.dtype)
    flat = waves.reshape(-1, waves.shape[-1])
    c = torch.stft(flat, 256, 64, window=window, return_complex=True)
    return c.reshape(*waves.shape[:-1], *c.shape[-2:])


def low_bins(c: Tensor) -> Tensor:
    """Return where the phase is known: below 1250 Hz."""
    return (torch.arange(c.shape[-2]) < 40)[:, None].expand(c.shape)


def some_phases(kind, c: Tensor):
    """Return the constraint; unknown phases are NaN, which must not matter."""
    known = low_bins(c)
    return partial(kind, phase=torch.where(known, c.angle(), torch.nan), known=known)
