"""How well what was measured fits what it might be."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from .kinds import Kind, Looks, kinds
from .looking import Look
from .units import Unit

# A waveform of 16 bit integers is so much louder
_INT16 = math.log(32768)
_NEVER = -1e4
# Standard deviation of the evenness over recordings
_UNEVEN = 0.18
# Correlation of neighbouring frames or bins, which overlap
_COHERENT = 0.2
# Below this, log(1 + x) is nearly x
_SMALL = 0.5
# Powers of a mel of magnitudes, or magnitudes of one of powers, are less common
_OTHER_POWER = math.log(0.3)
# Bands without a bin in them, at most
_EMPTY = 8


@dataclass(frozen=True)
class Reading:
    """One thing that an array might be."""

    transposed: bool
    kind: Kind
    unit: Unit
    slope: float
    presets: tuple[str, ...]
    score: float
    """Logarithm of its probability, up to a constant."""

    @property
    def label(self) -> tuple[bool, str, str]:
        """What has to be known to invert it at all."""
        return self.transposed, self.kind.name, self.unit.name


def weigh(looks: dict[bool, Look], sr: int | None, only: str | None = None) -> list[Reading]:
    """Return every reading of an array as it is (False) and transposed (True).

    `only` "linear" or "mel" leaves the other kind out.
    """
    return [
        _read(look, transposed, kind, unit, presets)
        for transposed, look in looks.items()
        for kind in kinds(look.rows, sr)
        if only in (None, kind.name)
        for unit, presets in kind.units()
    ]


def _read(
    look: Look, transposed: bool, kind: Kind, unit: Unit, presets: tuple[str, ...]
) -> Reading:
    slope = unit.slope or _own_slope(look, kind.looks)
    score = math.log(kind.prior * unit.prior * (2 if presets else 1))
    if unit.power not in (None, kind.power):
        score += _OTHER_POWER
    if not possible(look, unit):
        return Reading(transposed, kind, unit, slope, presets, _NEVER)
    score += _texture(look, unit, slope, kind.looks)
    score += _bell(look.tilt(unit, slope) - kind.looks.tilt, 0.7)
    score += _evenness(look, unit, slope, kind)
    score += _level(look, unit, kind.looks) + _ends(look, unit)
    score += 0 if look.coherence(unit) > _COHERENT else -8
    score += _fingerprint(look, unit, slope, kind)
    return Reading(transposed, kind, unit, slope, presets, score)


def possible(look: Look, unit: Unit) -> bool:
    """Whether a unit can have these values at all."""
    reach = look.reach
    if unit.form != "log" and look.least < 0:
        return False
    if unit.form == "log1p" and look.most < _SMALL:
        return False
    if look.least < unit.ends[0] - 1e-4 or look.most > unit.ends[1] + 1e-4:
        return False
    if unit.reach is not None and reach > unit.reach * 1.001:
        return False
    return unit.floor is None or look.least >= unit.floor - 1e-3 * reach


def _texture(look: Look, unit: Unit, slope: float, looks: Looks) -> float:
    peaks, changes = look.texture(unit, slope)
    if math.isnan(peaks) or math.isnan(changes):
        return -8.0
    x, y = (peaks - looks.peaks) / looks.spread[0], (changes - looks.changes) / looks.spread[1]
    rho = looks.correlation
    if unit.slope is None:
        return _bell((x - y) / math.sqrt(2 - 2 * rho)) - math.log(looks.spread[0]) - 1
    square = (x * x - 2 * rho * x * y + y * y) / (1 - rho * rho)
    # heavier tails than a bell's: recordings differ more than those that were measured
    area = math.sqrt(1 - rho * rho) * looks.spread[0] * looks.spread[1]
    return -3 * math.log1p(square / 6) - math.log(area)


def _evenness(look: Look, unit: Unit, slope: float, kind: Kind) -> float:
    """Weigh that loud and quiet parts of a linear spectrogram look alike: log1p bends them."""
    away = look.evenness(unit, slope) if kind.name == "linear" else math.nan
    return 0.0 if math.isnan(away) else -3 * math.log1p((away / _UNEVEN) ** 2 / 6)


def _own_slope(look: Look, looks: Looks) -> float:
    """Return the slope with which the texture is as expected."""
    slope = (look.most - look.least) / 12
    for _ in range(3):
        unit = Unit("", slope)
        peaks, changes = look.texture(unit, slope)
        if math.isnan(peaks) or math.isnan(changes):
            break
        slope *= math.exp((peaks - looks.peaks + changes - looks.changes) / 2)
    return max(slope, 1e-12)


def _level(look: Look, unit: Unit, looks: Looks) -> float:
    if unit.offset is None or unit.slope is None:
        # a level that is not known fits anything, a little
        return math.log(0.1)
    straight = float(unit.straighten(look.values.new_tensor([look.most])))
    away = (straight - unit.offset) / unit.slope - looks.level
    spread = looks.level_spread
    usual = math.exp(_bell(away, spread)) / spread
    integers = math.exp(_bell(away - _INT16, spread)) / spread
    quiet = math.exp(_bell(away + 3, 3)) / 3
    return math.log(usual + 0.05 * integers + 0.05 * quiet + 0.003)


def _ends(look: Look, unit: Unit) -> float:
    """Weigh exact values: clamps, and maxima that a normalisation makes."""
    reach = look.reach
    score = 0.0
    # values that only a normalisation makes, but for a rare coincidence
    below = unit.form == "log" and abs(look.most) < 1e-6 * reach
    stretched = not look.capped and any(
        abs(look.least - low) + abs(look.most - high) < 1e-4 * reach
        for low, high in ((0, 1), (-1, 1), (0, 255))
    )
    for seen, needed in (
        (below, unit.slope is not None and unit.offset is None),
        (stretched, unit.slope is None),
    ):
        if needed and not seen:
            return _NEVER
        if seen and not needed:
            score -= 12
    if unit.slope is None:
        return score
    if unit.reach is not None and look.tied:
        score += 4 if abs(reach / unit.reach - 1) < 1e-3 else -4
    elif look.tied and unit.floor is not None:
        score += 4 if abs(look.least - unit.floor) < 1e-3 * reach else -4
    elif look.tied and unit.offset is not None and unit.form == "log":
        decade = (look.least - unit.offset) / unit.slope / math.log(10)
        exact = abs(decade - round(2 * decade) / 2) < 1e-3
        score += 2 if exact and -15 < decade < -1 else -2
    return score


def _fingerprint(look: Look, unit: Unit, slope: float, kind: Kind) -> float:
    """Weigh sums of bands that would be 0 with this bank."""
    spots = kind.blind_spots()
    if len(spots) == 0:
        return 0.0
    assert kind.recipe is not None
    line = look.line(unit)
    sums = torch.exp((line - line.max()) * (kind.recipe.mel.power / slope))
    whole = sums[:, (look.values > look.least).sum(0) >= look.rows - _EMPTY]
    if whole.numel() == 0:
        return 0.0
    left = float((spots @ whole).abs().sum() / (spots.abs() @ whole).sum())
    return min(max(-3 * math.log10(max(left, 1e-9) / 0.1), -4.0), 8.0)


def _bell(away: float, spread: float = 1.0) -> float:
    return -0.5 * min(abs(away / spread), 1e6) ** 2
