"""The first phase of a frame that has just come in."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from ..phase.initial import of_real_frames
from ..transform.frames import transform_frames
from ..transform.geometry import Geometry
from ..transform.sizes import bin_count

# Share of a pulse in the middle of the frame, whose phase decides where earlier frames say nothing.
_DOUBT = 1e-6


@dataclass(frozen=True, eq=False)
class Arrival:
    """A new frame, in the last place, and the frames before it."""

    magnitude: Tensor
    """Magnitudes (batch, places, bins): past frames, active ones, and the new one."""
    estimate: Tensor
    """Spectra of the same shape, as far as they have been iterated; 0 in the last place."""
    present: Tensor
    """Which of the frames exist, (batch, places)."""
    wave: Tensor
    """The samples of the new frame as the earlier frames determine them, (batch, n_fft)."""


class Guess(Protocol):
    """Initializes the phase of a new frame."""

    @property
    def past(self) -> int:
        """How many committed frames it looks at; `Arrival` has them before the active ones."""
        ...

    def __call__(self, arrival: Arrival, geometry: Geometry) -> Tensor:
        """Return a spectrum (batch, bins) of which only the phase counts.

        Or (batch, frames, bins), of the last frames, among them active ones.
        """
        ...


@dataclass(frozen=True)
class LeastSquaresGuess:
    """The phase of the new frame in the least-squares solution of the earlier frames."""

    past: int = 0

    def __call__(self, arrival: Arrival, geometry: Geometry) -> Tensor:
        """Return the spectrum of these samples, with a trace of a pulse."""
        spectrum = transform_frames(arrival.wave, geometry)
        return spectrum + arrival.magnitude[:, -1] * self.pulse(geometry)

    def pulse(self, geometry: Geometry) -> Tensor:
        """Return the trace of a pulse in a frame of magnitude 1: (bins,)."""
        return _DOUBT * _pulse(geometry)


@dataclass(frozen=True)
class ZeroGuess:
    """A pulse in the middle of each frame."""

    past: int = 0

    def __call__(self, arrival: Arrival, geometry: Geometry) -> Tensor:
        """Return the spectrum of the pulse."""
        return _pulse(geometry).expand_as(arrival.estimate[:, -1])


def of_half(
    guess: Callable[[Arrival, Geometry], Tensor], arrival: Arrival, geometry: Geometry
) -> Tensor:
    """Return what a guess (batch, frames, bins) of bins 0 to n_fft // 2 says of all bins."""
    g = geometry
    half = bin_count(g.n_fft)
    cut = not g.onesided and not g.window.is_complex()
    if cut:
        arrival = replace(
            arrival,
            magnitude=arrival.magnitude[..., :half],
            estimate=arrival.estimate[..., :half],
        )
    spectra = guess(arrival, g)
    if cut:
        mirrored = spectra[..., 1 : (g.n_fft + 1) // 2].flip(-1).conj()
        spectra = torch.cat([spectra, mirrored], -1)
    return of_real_frames(spectra.mT, g).mT


def _pulse(geometry: Geometry) -> Tensor:
    """Return the spectrum (bins,) of a pulse in the middle of the window."""
    g = geometry
    k = torch.arange(g.bins, device=g.window.device, dtype=g.window.abs().dtype)
    delay = -2 * math.pi * g.window_shape.centroid / g.n_fft
    return torch.polar(torch.ones_like(k), torch.remainder(delay * k, 2 * math.pi))
