"""Single Pass Spectrogram Inversion of frames that arrive one by one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..phase.spsi import continue_one
from ..transform.geometry import Geometry
from ..transform.rounded_alike import phase_of
from .guess import Arrival, of_half


@dataclass(frozen=True)
class SPSIGuess:
    """The phase of SPSI, whose sinusoids continue from the current phase of the frame before."""

    past: int = 1

    def __call__(self, arrival: Arrival, geometry: Geometry) -> Tensor:
        """Return the spectrum (batch, 1, bins) of the new frame, of magnitude 1."""
        return of_half(_follow, arrival, geometry)


def _follow(arrival: Arrival, geometry: Geometry) -> Tensor:
    before = phase_of(arrival.estimate[:, -2].detach())
    phase = continue_one(arrival.magnitude[:, -1].detach(), before, geometry)
    phase = phase.to(arrival.magnitude.dtype).remainder(2 * math.pi)[:, None]
    return torch.polar(torch.ones_like(phase), phase)
