"""How well the measurements fit each kind and unit: log-probabilities, up to a constant."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from .kinds import Expected, Kind
from .measure import Measurement
from .standardised import standardisation
from .units import Unit

# How much louder a waveform of 16-bit integers is, as a natural logarithm
_INT16 = math.log(32768)
_NEVER = -1e4
# Standard deviation of the evenness over recordings
_UNEVEN = 0.18
# Standard deviations of the tilt
_TILT, _TILT_OF_STANDARDISED = 0.7, 0.5
# What a dispersion changes by where each row is standardised, and its standard deviation
_BY_ROWS, _DISPERSED = -0.4, 0.4
# The least correlation of neighbouring frames or bins, which overlap
_COHERENT = 0.2
# Below this log(1 + x) is nearly x, and can't be told from it
_SMALL = 0.5
# Powers of a mel of magnitudes, or magnitudes of one of powers, are less common
_OTHER_POWER = math.log(0.3)
# Bands without a bin in them, at most
_EMPTY = 8


@dataclass(frozen=True)
class Reading:
    """One thing that an array might be: an order of axes, a kind and a unit."""

    transposed: bool
    kind: Kind
    unit: Unit
    slope: float
    presets: tuple[str, ...]
    score: float
    """Logarithm of its probability, up to a constant."""

    @property
    def label(self) -> tuple[bool, str, bool, str]:
        """Axes, kind, Nyquist bin and unit: what has to be known to invert it at all."""
        return self.transposed, self.kind.name, self.kind.nyquist, self.unit.name


def weigh(
    measurements: dict[bool, Measurement], kinds: Callable[[int], list[Kind]]
) -> list[Reading]:
    """Return every reading of an array as it is (False) and transposed (True).

    `kinds` returns those that are considered of so many rows.
    """
    return [
        reading(measured, transposed, kind, unit, presets)
        for transposed, measured in measurements.items()
        for kind in kinds(measured.rows)
        for unit, presets in kind.units()
    ]


def reading(
    measured: Measurement, transposed: bool, kind: Kind, unit: Unit, presets: tuple[str, ...]
) -> Reading:
    """Return one reading of an array with its score."""
    slope = unit.slope or _own_slope(measured, kind.expected)
    score = math.log(kind.prior * unit.prior * (2 if presets else 1))
    if unit.power not in (None, kind.power):
        score += _OTHER_POWER
    if not possible(measured, unit):
        return Reading(transposed, kind, unit, slope, presets, _NEVER)
    score += _texture(measured, unit, slope, kind.expected)
    tilt = measured.tilt(unit, slope) - (0 if unit.standard == "rows" else kind.expected.tilt)
    score += _bell(tilt, _TILT if unit.standard is None else _TILT_OF_STANDARDISED)
    score += standardisation(measured, unit)
    score += _evenness(measured, unit, slope, kind)
    score += _level(measured, unit, kind.expected) + _ends(measured, unit)
    score += 0 if measured.coherence(unit) > _COHERENT else -8
    score += _fingerprint(measured, unit, slope, kind)
    return Reading(transposed, kind, unit, slope, presets, score)


def possible(measured: Measurement, unit: Unit) -> bool:
    """Return whether an array in this unit can have these values at all."""
    reach = measured.reach
    if unit.form != "log" and unit.standard is None and measured.least < 0:
        return False
    if unit.standard is not None and measured.least >= 0:
        return False
    if unit.form == "log1p" and measured.most < _SMALL:
        return False
    if measured.least < unit.ends[0] - 1e-4 or measured.most > unit.ends[1] + 1e-4:
        return False
    if unit.reach is not None and reach > unit.reach * 1.001:
        return False
    return unit.floor is None or measured.least >= unit.floor - 1e-3 * reach


def _texture(measured: Measurement, unit: Unit, slope: float, expected: Expected) -> float:
    peaks, changes = measured.texture(unit, slope)
    if math.isnan(peaks) or math.isnan(changes):
        return -8.0
    x, y = (
        (peaks - expected.peaks) / expected.spread[0],
        (changes - expected.changes) / expected.spread[1],
    )
    rho = expected.correlation
    if unit.slope is None:
        score = _bell((x - y) / math.sqrt(2 - 2 * rho)) - math.log(expected.spread[0])
        if unit.standard is None:
            return score - 1
        dispersion = expected.dispersion + (_BY_ROWS if unit.standard == "rows" else 0)
        away = math.log(max(measured.deviation, 1e-12) / slope) - dispersion
        return score + _bell(away, _DISPERSED) - math.log(_DISPERSED)
    square = (x * x - 2 * rho * x * y + y * y) / (1 - rho * rho)
    # heavier tails than a bell's: recordings differ more than those that were measured
    area = math.sqrt(1 - rho * rho) * expected.spread[0] * expected.spread[1]
    return -3 * math.log1p(square / 6) - math.log(area)


def _evenness(measured: Measurement, unit: Unit, slope: float, kind: Kind) -> float:
    """Weigh whether loud and quiet bins have the same texture, which log1p would change."""
    even = kind.name == "linear" and unit.standard != "rows"
    away = measured.evenness(unit, slope) if even else math.nan
    return 0.0 if math.isnan(away) else -3 * math.log1p((away / _UNEVEN) ** 2 / 6)


def _own_slope(measured: Measurement, expected: Expected) -> float:
    """Return the slope with which the texture is as expected, for a unit that has none."""
    slope = (measured.most - measured.least) / 12
    for _ in range(3):
        unit = Unit("", slope)
        peaks, changes = measured.texture(unit, slope)
        if math.isnan(peaks) or math.isnan(changes):
            break
        slope *= math.exp((peaks - expected.peaks + changes - expected.changes) / 2)
    return max(slope, 1e-12)


def _level(measured: Measurement, unit: Unit, expected: Expected) -> float:
    if unit.offset is None or unit.slope is None:
        # a level that is not known fits anything, a little
        return math.log(0.1)
    straight = float(unit.straighten(measured.values.new_tensor([measured.most])))
    away = (straight - unit.offset) / unit.slope - expected.level
    spread = expected.level_spread
    usual = math.exp(_bell(away, spread)) / spread
    integers = math.exp(_bell(away - _INT16, spread)) / spread
    quiet = math.exp(_bell(away + 3, 3)) / 3
    return math.log(usual + 0.05 * integers + 0.05 * quiet + 0.003)


def _ends(measured: Measurement, unit: Unit) -> float:
    """Weigh the least and the greatest value, which clamps and normalisations make exact."""
    reach = measured.reach
    score = 0.0
    # values that only a normalisation makes, but for a rare coincidence
    below = unit.form == "log" and abs(measured.most) < 1e-6 * reach
    for seen, needed in (
        (below, unit.slope is not None and unit.offset is None and unit.standard is None),
        (measured.stretched, unit.slope is None and unit.standard is None),
    ):
        if needed and not seen:
            return _NEVER
        if seen and not needed:
            score -= 12
    if unit.slope is None:
        return score
    if unit.reach is not None and measured.tied:
        score += 4 if abs(reach / unit.reach - 1) < 1e-3 else -4
    elif measured.tied and unit.floor is not None:
        score += 4 if abs(measured.least - unit.floor) < 1e-3 * reach else -4
    elif measured.tied and unit.offset is not None and unit.form == "log":
        decade = (measured.least - unit.offset) / unit.slope / math.log(10)
        exact = abs(decade - round(2 * decade) / 2) < 1e-3
        score += 2 if exact and -15 < decade < -1 else -2
    return score


def _fingerprint(measured: Measurement, unit: Unit, slope: float, kind: Kind) -> float:
    """Weigh the sums of bands that would be 0 with the bank of this kind."""
    spots = kind.blind_spots()
    if len(spots) == 0:
        return 0.0
    assert kind.recipe is not None
    line = measured.line(unit)
    sums = torch.exp((line - line.amax()) * (kind.recipe.mel.power / slope))
    whole = sums[:, (measured.values > measured.least).sum(0) >= measured.rows - _EMPTY]
    if whole.numel() == 0:
        return 0.0
    left = float((spots @ whole).abs().sum() / (spots.abs() @ whole).sum())
    return min(max(-3 * math.log10(max(left, 1e-9) / 0.1), -4.0), 8.0)


def _bell(away: float, spread: float = 1.0) -> float:
    """Return the logarithm of a Gaussian, which is 0 at its centre."""
    return -0.5 * min(abs(away / spread), 1e6) ** 2
