"""The spectrum that a new frame starts from: the phase of a guess, and the known magnitude."""

from __future__ import annotations

import torch
from torch import Tensor

from ..constraints.bounded import limit_gradient
from ..derivatives import is_differentiated
from ..plugins import calling, check_returned
from ..transform.geometry import Geometry
from ..transform.rounded_alike import direction_of
from .guess import Arrival, Guess


def first_spectra(
    guess: Guess, arrival: Arrival, geometry: Geometry, level: Tensor, *, exact_gradient: bool
) -> Tensor:
    """Return spectra (batch, frames, bins) of the last frames, as many as the guess is of.

    `level` (batch, 1) is what the waves of the active frames are divided by.
    """
    with calling(label := f"guess {type(guess).__name__}"):
        spectrum = guess(arrival, geometry)
    spectrum = _check(spectrum, label, arrival.magnitude)
    size, level = arrival.magnitude[:, -spectrum.shape[1] :], level[:, None]
    if is_differentiated(spectrum) and exact_gradient:
        # below rounding the phase is chance, as for a constraint
        below = spectrum.detach().abs() < torch.finfo(level.dtype).eps * level
        spectrum = torch.where(below, spectrum.detach(), spectrum)
    elif is_differentiated(spectrum):
        spectrum = limit_gradient(spectrum, size.detach())
    return size * direction_of(spectrum)


def _check(spectrum: Tensor, label: str, magnitude: Tensor) -> Tensor:
    """Return a guess as (batch, frames, bins), or raise, where (batch, places, bins) are known."""
    items, places, bins = magnitude.shape
    one = not isinstance(spectrum, Tensor) or spectrum.ndim != 3  # pyright: ignore[reportUnnecessaryIsInstance]
    shape = (items, bins) if one else (items, min(max(1, spectrum.shape[1]), places), bins)
    spectrum = check_returned(spectrum, label, shape, magnitude, complex_=True)
    return spectrum[:, None] if one else spectrum
