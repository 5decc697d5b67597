"""How well an array fits values that were brought to mean 0 and standard deviation 1.

The statistics may be the array's own, which leaves an exact mean and deviation, or those of a
corpus, near which it lies. They may be those of all values, or those of each row.
"""

from __future__ import annotations

import math

from .measure import Measurement
from .units import Unit

# The log-probability of a mean and a deviation in any other unit, which may have all sorts
_ANY = -3.0
# The greatest mean and logarithm of a deviation that are those of the array itself
_OWN = 0.02
# The log-probability of these in standardised arrays, and in others by coincidence
_EXACT, _COINCIDENCE = 4.0, -8.0
# Means and standard deviations over recordings, of logarithms and of magnitudes: of the mean, the
# logarithm of the deviation, and the scatter of the rows' means beside the deviation
_MEAN = {"log": (0.0, 0.4), "linear": (0.0, 0.4)}
_DEVIATION = {"log": (-0.08, 0.22), "linear": (-0.3, 0.9)}
_SCATTER = {"all": (0.79, 0.17), "rows": (0.37, 0.14)}
_SCATTER_OF_MAGNITUDES = {"all": (0.48, 0.13), "rows": (0.32, 0.11)}


def standardisation(measured: Measurement, unit: Unit) -> float:
    """Return the log-probability of the means and deviations of an array in a unit."""
    deviation = max(measured.deviation, 1e-12)
    scatter = measured.row_means.sub(measured.mean).square().mean().sqrt().item() / deviation
    log_deviation = math.log(deviation)
    whole = abs(measured.mean) < _OWN and abs(log_deviation) < _OWN
    rows = whole and scatter < _OWN
    if unit.standard is None:
        return _COINCIDENCE if whole else _ANY
    scatters = _SCATTER if unit.form == "log" else _SCATTER_OF_MAGNITUDES
    if rows:
        return _EXACT + (0 if unit.standard == "rows" else _COINCIDENCE)
    score = _bell(scatter, *scatters[unit.standard])
    if unit.standard == "all" and whole:
        return _EXACT + score
    return (
        score
        + _bell(measured.mean, *_MEAN[unit.form])
        + _bell(log_deviation, *_DEVIATION[unit.form])
    )


def _bell(value: float, mean: float, spread: float) -> float:
    """Return the logarithm of a Gaussian's density, but for a constant."""
    return -0.5 * min(abs(value - mean) / spread, 1e3) ** 2 - math.log(spread)
