"""How well an array fits values that were brought to mean 0 and standard deviation 1.

The statistics may be the array's own, which leaves an exact mean and deviation, or those of a
corpus, near which it lies. They may be those of all values, or those of each row.
"""

from __future__ import annotations

import math

from .measure import Measurement
from .units import Unit

# The log-probability of a mean and a deviation in any other unit, which may have all sorts
_ANY = 0.0
# The greatest mean and logarithm of a deviation that are those of the array itself
_OWN = 0.02
# The log-probability of these in standardised arrays, and in others by coincidence
_EXACT, _EXACT_ROWS, _COINCIDENCE = 9.0, 12.0, -5.0
# How much likelier the rest is than other units' with any mean and deviation
_INEXACT = -1.0
# Where decibels that are normalised to [-4, 4] are clipped
_CLIPPED = -4.0
# The means and deviations that corpus statistics leave, at most
_NEAR_MEAN, _NEAR_DEVIATION = 1.0, 0.6
# Means and standard deviations over recordings, of logarithms and of magnitudes: of the mean, the
# logarithm of the deviation, the scatter of the rows' means beside the deviation, and the logarithm
# of how much further values go above the mean than below
_MEAN = {"log": (0.0, 0.4), "linear": (0.0, 0.4)}
_DEVIATION = {"log": (-0.08, 0.22), "linear": (-0.3, 0.9)}
_SCATTER = {
    ("log", "all"): (0.74, 0.17), ("log", "rows"): (0.35, 0.15),
    ("linear", "all"): (0.48, 0.13), ("linear", "rows"): (0.32, 0.11),
}  # fmt: skip
_SKEW = {
    ("log", "all"): (0.2, 0.4), ("log", "rows"): (0.35, 0.6),
    ("linear", "all"): (4.6, 0.9), ("linear", "rows"): (3.0, 1.0),
}  # fmt: skip


def standardisation(measured: Measurement, unit: Unit) -> float:
    """Return the log-probability of the means and deviations of an array in a unit."""
    deviation = max(measured.deviation, 1e-12)
    scatter = measured.row_means.sub(measured.mean).square().mean().sqrt().item() / deviation
    log_deviation = math.log(deviation)
    whole = abs(measured.mean) < _OWN and abs(log_deviation) < _OWN
    changing = measured.row_deviations > _OWN
    rows = bool((measured.row_means.abs() < _OWN).all()) and bool(
        (measured.row_deviations[changing].log().abs() < _OWN).all()
    )
    if unit.standard is None:
        return _COINCIDENCE if whole or rows else _ANY
    above, below = measured.most - measured.mean, measured.mean - measured.least
    skew = math.log(max(above, 1e-12) / max(below, 1e-12))
    key = unit.form, unit.standard
    score = _bell(skew, *_SKEW[key])
    if _is_clipped(measured):
        score += _COINCIDENCE
    if rows:
        return score + (_EXACT_ROWS if unit.standard == "rows" else _COINCIDENCE)
    score += _bell(scatter, *_SCATTER[key])
    if unit.standard == "all" and whole:
        return _EXACT + score
    return (
        score
        + _INEXACT
        + _bell(measured.mean, *_MEAN[unit.form])
        + _bell(log_deviation, *_DEVIATION[unit.form])
    )


def may_be_standardised(measured: Measurement) -> bool:
    """Tell whether mean and deviation are near those that statistics of a corpus leave."""
    deviation = abs(math.log(max(measured.deviation, 1e-12)))
    near = abs(measured.mean) < _NEAR_MEAN and deviation < _NEAR_DEVIATION
    return near and measured.least < 0 and not _is_clipped(measured)


def _is_clipped(measured: Measurement) -> bool:
    """Tell whether many values are the least one of decibels that are normalised to [-4, 4]."""
    return measured.tied and abs(measured.least - _CLIPPED) < 1e-4 * measured.reach


def _bell(value: float, mean: float, spread: float) -> float:
    """Return the logarithm of a Gaussian's density, but for a constant."""
    return -0.5 * min(abs(value - mean) / spread, 1e3) ** 2 - math.log(spread)
