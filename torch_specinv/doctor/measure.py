r"""What can be measured on an array without knowing what it is.

Sound through a window of known shape has a texture: along frequency, no peak is sharper than the
window lets it be, and along time nothing changes faster than frames overlap. In the logarithm of
the magnitude both are nearly the same for every recording, so they are a ruler: twice the texture
is a power, 8.7 times the texture are decibels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from torch import Tensor

from .units import Unit

# Frames that are looked at, and how far below the maximum (in natural logarithms of a magnitude)
_FRAMES = 300
_DEPTH = 7.0
_SILENT = 12.0
# Which curvatures are compared: the sharpest peaks but for a few, and the usual fast changes
_PEAKS = 0.97
_CHANGES = 0.9
# With fewer bins than this nothing is said
_FEWEST = 50
# Loud bins, and which peaks are compared with those of all
_LOUD = 2.5
_USUAL = 0.9


@dataclass(frozen=True, eq=False)
class Measurement:
    """One array, read as (rows, frames)."""

    values: Tensor
    """The frames that are looked at, float64."""
    least: float
    most: float
    reach: float
    """Between the least and the greatest value of an item, at most."""
    tied: bool
    """Whether several values are the least one: something was clamped."""
    capped: bool
    """The same of the greatest."""
    _lines: dict[str, Tensor] = field(default_factory=dict)
    _textures: dict[tuple[str, float], tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def at(cls, array: Tensor) -> Measurement:
        """Measurement at a real, finite array (batch, rows, frames)."""
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
            capped=bool(((flat >= high - hair).sum(1) > 1).any()),
        )

    @property
    def rows(self) -> int:
        """What would be bins or bands."""
        return self.values.shape[0]

    def line(self, unit: Unit) -> Tensor:
        """Return values that are a line in the logarithm of the magnitude."""
        if unit.form not in self._lines:
            self._lines[unit.form] = unit.straighten(self.values)
        return self._lines[unit.form]

    def texture(self, unit: Unit, slope: float) -> tuple[float, float]:
        """Return the logarithms of the curvature of peaks in frequency and of changes in time."""
        key = unit.form, slope
        if key not in self._textures:
            self._textures[key] = _texture(self.line(unit), slope)
        return self._textures[key]

    def evenness(self, unit: Unit, slope: float) -> float:
        """Return by how much peaks are sharper among loud bins than among all, as a logarithm."""
        line = self.line(unit)
        loud, every = (_log_quantile(_peaks(line, d * slope), _USUAL) for d in (_LOUD, _DEPTH))
        return loud - every

    def tilt(self, unit: Unit, slope: float) -> float:
        """Return by how much the lowest third of the rows is above the highest, over the spread."""
        line = self.line(unit)
        third = max(1, self.rows // 3)
        means = line.mean(1).clamp_min(float(line.max()) - _SILENT * slope)
        return float((means[:third].mean() - means[-third:].mean()) / line.std().clamp_min(1e-12))

    def coherence(self, unit: Unit) -> float:
        """Return the correlation of neighbours, along the axis where it is greater."""
        line = self.line(unit) - self.line(unit).mean()
        power = line.square().mean().clamp_min(1e-24)
        along = (line[1:] * line[:-1]).mean(), (line[:, 1:] * line[:, :-1]).mean()
        return float(max(along) / power)


def _peaks(line: Tensor, depth: float) -> Tensor:
    """Return how far bins stand above the line between their neighbours, down to a depth."""
    seen = line > line.max() - depth
    return (2 * line[1:-1] - line[2:] - line[:-2])[seen[1:-1] & seen[2:] & seen[:-2]]


def _texture(line: Tensor, slope: float) -> tuple[float, float]:
    peaks = _peaks(line, _DEPTH * slope)
    seen = line > line.max() - _DEPTH * slope
    bends = (2 * line[:, 1:-1] - line[:, 2:] - line[:, :-2]).abs()
    changes = bends[seen[:, 1:-1] & seen[:, 2:] & seen[:, :-2]]
    return _log_quantile(peaks / slope, _PEAKS), _log_quantile(changes / slope, _CHANGES)


class QuickTexture:
    """The texture of magnitudes (rows, frames), to compare with bounds: nothing is sorted."""

    def __init__(self, line: Tensor) -> None:
        seen = line > line.max() - _DEPTH
        self._peaks = 2 * line[1:-1] - line[2:] - line[:-2]
        self._changes = (2 * line[:, 1:-1] - line[:, 2:] - line[:, :-2]).abs_()
        self._at_peaks = seen[1:-1] & seen[2:] & seen[:-2]
        self._at_changes = seen[:, 1:-1] & seen[:, 2:] & seen[:, :-2]
        self._counts = int(self._at_peaks.sum()), int(self._at_changes.sum())
        self.is_known = min(self._counts) >= _FEWEST
        """Whether there are enough loud bins to tell."""

    def peaks_above(self, bound: float) -> bool:
        """Tell whether the first number of :meth:`Measurement.texture` is above a bound."""
        below = int(((self._peaks <= math.exp(bound)) & self._at_peaks).sum())
        return below <= int(_PEAKS * (self._counts[0] - 1))

    def changes_above(self, bound: float) -> bool:
        """Tell whether the second number is."""
        below = int(((self._changes <= math.exp(bound)) & self._at_changes).sum())
        return below <= int(_CHANGES * (self._counts[1] - 1))


def _log_quantile(values: Tensor, share: float) -> float:
    if len(values) < _FEWEST:
        return math.nan
    value = float(values.kthvalue(1 + int(share * (len(values) - 1))).values)
    return math.log(max(value, 1e-6))
