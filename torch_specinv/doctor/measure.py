r"""What can be measured on an array without knowing what it is.

Spectrograms have a *texture*: along frequency no peak is sharper than the window allows, and along
time nothing changes faster than the overlap of frames allows. In the logarithm of the magnitude
both are nearly the same for every recording. So they tell the unit: twice the texture is that of a
power, 8.7 times the texture is that of decibels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from torch import Tensor

from ..forks import cached_property
from .units import Unit

# Frames that are measured
_FRAMES = 300
# How far below the maximum bins have a texture, are loud, and count as silent, in natural
# logarithms of a magnitude
_DEPTH = 7.0
_LOUD = 2.5
_SILENT = 12.0
# In standard deviations, more than a logarithm reaches but in rows that are all but constant
_OUTLIER = 4.0
# The quantiles of the curvature that are the texture: of peaks, and of changes
_PEAKS = 0.97
_CHANGES = 0.9
# The quantile of peaks that is compared between loud and all bins
_USUAL = 0.9
# With fewer bins than this the texture is not known
_FEWEST = 50


@dataclass(frozen=True, eq=False)
class Measurement:
    """One array, read as (rows, frames)."""

    values: Tensor
    """The frames that are measured, (rows, frames), float64."""
    least: float
    """The least value of the whole array."""
    most: float
    """Its greatest value."""
    reach: float
    """The greatest difference between two values of one item."""
    tied: bool
    """Whether many values of an item are about its least one: clamped, or nearly 0."""
    clamped: bool
    """Whether they are equal to the last bit, as only a clamp or silence makes them."""
    capped: bool
    """Whether several values of an item equal its greatest one."""
    mean: float
    """The mean of the whole array."""
    deviation: float
    """Its standard deviation."""
    row_means: Tensor
    """The mean of each row, (rows,)."""
    row_deviations: Tensor
    """The standard deviation of each row."""
    _lines: dict[tuple[str, str | None], Tensor] = field(default_factory=dict)
    _textures: dict[tuple[str, str | None, float], tuple[float, float]] = field(
        default_factory=dict
    )
    _peaks: dict[tuple[str, str | None, float, float], Tensor] = field(default_factory=dict)
    _quantiles: dict[tuple[str, str | None, float, float, float], float] = field(
        default_factory=dict
    )

    @classmethod
    def at(cls, array: Tensor) -> Measurement:
        """Measure a real, finite array (batch, rows, frames)."""
        item = array[array.std((1, 2)).argmax()] if len(array) > 1 else array[0]
        frames = item.shape[-1]
        if frames > _FRAMES:
            loud = item.mean(0).cumsum(0)
            begin = int((loud[_FRAMES:] - loud[:-_FRAMES]).argmax())
            item = item[:, begin : begin + _FRAMES]
        flat = array.flatten(1)
        low, high = flat.amin(1, keepdim=True), flat.amax(1, keepdim=True)
        hair, few = 1e-6 * (high - low), max(5, 1e-3 * flat.shape[1])
        return cls(
            values=item,
            least=float(low.min()),
            most=float(high.max()),
            reach=float((high - low).max()),
            tied=bool(((flat <= low + hair).sum(1) >= few).any()),
            clamped=bool(((flat == low).sum(1) >= few).any()),
            capped=bool(((flat >= high - hair).sum(1) > 1).any()),
            mean=float(array.mean()),
            deviation=float(array.std(correction=0)),
            row_means=array.mean((0, 2)),
            row_deviations=array.std((0, 2), correction=0),
        )

    @property
    def rows(self) -> int:
        """The number of bins or bands."""
        return self.values.shape[0]

    @property
    def stretched(self) -> bool:
        """Whether the values go exactly from one end of a usual range to the other."""
        return not self.capped and any(
            abs(self.least - low) + abs(self.most - high) < 1e-4 * self.reach
            for low, high in ((0, 1), (-1, 1), (0, 255))
        )

    def line(self, unit: Unit) -> Tensor:
        """Return the values as a linear function of the logarithm of the magnitude."""
        key = unit.form, unit.standard
        if key not in self._lines:
            self._lines[key] = unit.straighten(self._offset(unit))
        return self._lines[key]

    def _offset(self, unit: Unit) -> Tensor:
        """Return the values from 0 where that is lost; rows that hardly change have no outliers."""
        if unit.standard == "rows" and unit.form == "log":
            return self.values.clamp_max(_OUTLIER)
        if unit.standard is None or unit.form == "log":
            return self.values
        lowest = self.values.amin(1, keepdim=True) if unit.standard == "rows" else self.least
        return self.values - lowest

    def texture(self, unit: Unit, slope: float) -> tuple[float, float]:
        """Return the logarithms of the curvature of peaks in frequency and of changes in time."""
        key = unit.form, unit.standard, slope
        if key not in self._textures:
            changes = _quantile(_changes(self.line(unit), slope), _CHANGES)
            peaks = self._peak_quantile(unit, slope, _DEPTH, _PEAKS)
            self._textures[key] = _log(peaks, slope), _log(changes, slope)
        return self._textures[key]

    def _peak_quantile(self, unit: Unit, slope: float, depth: float, share: float) -> float:
        """Return a quantile of the peaks down to a depth; both are kept."""
        key = unit.form, unit.standard, slope, depth
        if key not in self._peaks:
            self._peaks[key] = _peaks(self.line(unit), depth * slope)
        quantile = *key, share
        if quantile not in self._quantiles:
            self._quantiles[quantile] = _quantile(self._peaks[key], share)
        return self._quantiles[quantile]

    def evenness(self, unit: Unit, slope: float) -> float:
        """Return the logarithm of how much sharper peaks are among loud bins than among all."""
        loud, every = (self._peak_quantile(unit, slope, d, _USUAL) for d in (_LOUD, _DEPTH))
        return _log(loud) - _log(every)

    def tilt(self, unit: Unit, slope: float) -> float:
        """Return the mean of the lowest third of the rows minus that of the highest.

        It is in standard deviations of all values.
        """
        line = self.line(unit)
        third = max(1, self.rows // 3)
        means = line.mean(1).clamp_min(float(line.amax()) - _SILENT * slope)
        return float((means[:third].mean() - means[-third:].mean()) / line.std().clamp_min(1e-12))

    def coherence(self, unit: Unit) -> float:
        """Return the correlation of neighbours, along the axis where it is greater."""
        line = self.line(unit) - self.line(unit).mean()
        power = line.square().mean().clamp_min(1e-24)
        along = (line[1:] * line[:-1]).mean(), (line[:, 1:] * line[:, :-1]).mean()
        return float(max(along) / power)


def _peaks(line: Tensor, depth: float) -> Tensor:
    """Return how far bins stand above the line between their neighbours, down to a depth."""
    seen = line > line.amax() - depth
    return (2 * line[1:-1] - line[2:] - line[:-2])[seen[1:-1] & seen[2:] & seen[:-2]]


def _changes(line: Tensor, slope: float) -> Tensor:
    """Return how far bins are from the line between their neighbours in time."""
    seen = line > line.amax() - _DEPTH * slope
    bends = (2 * line[:, 1:-1] - line[:, 2:] - line[:, :-2]).abs()
    return bends[seen[:, 1:-1] & seen[:, 2:] & seen[:, :-2]]


class QuickTexture:
    """Compares the texture of log-magnitudes (rows, frames) with bounds, without sorting.

    Of magnitudes to a power, with its `slope`, the log-magnitudes are ``line / slope``. Nothing is
    computed before it is asked for.
    """

    def __init__(self, line: Tensor, slope: float = 1.0) -> None:
        self._line, self._slope = line, slope
        self._seen = line > line.amax() - _DEPTH * slope

    @cached_property
    def _at_peaks(self) -> Tensor:
        both = self._seen[1:] & self._seen[:-1]
        return both[1:] & both[:-1]

    @cached_property
    def _at_changes(self) -> Tensor:
        both = self._seen[:, 1:] & self._seen[:, :-1]
        return both[:, 1:] & both[:, :-1]

    @property
    def is_known(self) -> bool:
        """Whether there are enough loud bins to tell."""
        return all(_count(there) >= _FEWEST for there in (self._at_peaks, self._at_changes))

    def peaks_above(self, bound: float) -> bool:
        """Tell whether the first number of :meth:`Measurement.texture` is above a bound."""
        rise = self._line.diff(dim=0)
        bends, there = rise[:-1] - rise[1:], self._at_peaks
        below = _count((bends <= self._slope * math.exp(bound)) & there)
        return below <= int(_PEAKS * (_count(there) - 1))

    def changes_above(self, bound: float) -> bool:
        """Tell whether the second number of :meth:`Measurement.texture` is above a bound."""
        bends, there = self._line.diff(dim=1).diff(dim=1).abs_(), self._at_changes
        below = _count((bends <= self._slope * math.exp(bound)) & there)
        return below <= int(_CHANGES * (_count(there) - 1))


def _count(there: Tensor) -> int:
    return int(there.count_nonzero())


def _quantile(values: Tensor, share: float) -> float:
    if len(values) < _FEWEST:
        return math.nan
    return float(values.kthvalue(1 + int(share * (len(values) - 1))).values)


def _log(value: float, slope: float = 1.0) -> float:
    # without a slope no bin is above the depth, and the value is NaN
    return value if math.isnan(value) else math.log(max(value / slope, 1e-6))
