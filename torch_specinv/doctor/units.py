r"""The ways in which people write magnitudes down.

With L the natural logarithm of a magnitude, most are :math:`a L + b` or :math:`e^{a L}`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..mel import MelSpec
from ..mel.levels import LOGS

_LOG10 = LOGS["log10"]
_DB = LOGS["dB"] * 2


@dataclass(frozen=True)
class Unit:
    """One way to write magnitudes down."""

    name: str
    slope: float | None
    """a: units per natural logarithm of the magnitude; None where each array has its own."""
    offset: float | None = 0.0
    """b: what is written for a magnitude of 1; None where that is lost."""
    form: str = "log"
    """"log", "linear" (the values are the exponential) or "log1p" (that of one more)."""
    power: float | None = None
    """Of the magnitudes before the logarithm, where that is part of the unit."""
    prior: float = 1.0
    """How common it is beside the others."""
    ends: tuple[float, float] = (-math.inf, math.inf)
    """The least and the greatest value that there can be."""
    floor: float | None = None
    """What silence is written as, where it is known."""
    reach: float | None = None
    """How far below its greatest value an array can go, where it is known."""
    standard: str | None = None
    """What was brought to mean 0 and deviation 1: "all" values together, or each of the "rows"."""

    def straighten(self, values: Tensor) -> Tensor:
        """Return the values as a linear function of the logarithm of the magnitude."""
        if self.form == "log":
            return values
        linear = torch.expm1(values) if self.form == "log1p" else values
        return torch.log(linear.clamp_min(1e-30))

    def undo(self, values: str, power: float = 1.0) -> str:
        """Return the expression that makes magnitudes to a power of values."""
        if self.form == "log1p":
            values = f"{values}.expm1()"
        if self.form != "log":
            exponent = power / (self.slope or 1)
            names = {1.0: "", 0.5: ".sqrt()", 2.0: ".square()"}
            return values + names.get(exponent, f" ** {exponent:g}")
        factor = power / (self.slope or 1)
        shift = -(self.offset or 0) * factor
        natural = abs(self.slope or 1) in (1.0, 2.0)
        if not natural:
            factor, shift = factor / math.log(10), shift / math.log(10)
        term = values if f"{factor:.6g}" == "1" else f"{values} * {factor:.6g}"
        if shift:
            term += f" {'-' if shift < 0 else '+'} {abs(shift):.6g}"
        term = term if term == values else f"({term})"
        return f"{term}.exp()" if natural else f"10 ** {term}"


#: The ways that are not one model's own.
UNITS = (
    Unit("magnitude", 1.0, form="linear", power=1, prior=1.5),
    Unit("power", 2.0, form="linear", power=2),
    Unit("log1p of a magnitude", 1.0, form="log1p", power=1, ends=(0, 25), prior=0.2),
    Unit("natural logarithm of a magnitude", 1.0, power=1),
    Unit("natural logarithm of a power", 2.0, power=2),
    Unit("log10 of a magnitude", _LOG10, power=1, prior=0.7),
    Unit("log10 of a power", 2 * _LOG10, power=2, prior=0.4),
    Unit("dB", _DB),
    Unit("dB below the maximum", _DB, None, ends=(-math.inf, 1e-4)),
    Unit("100 dB normalised to [0, 1]", _DB / 100, 0.8, ends=(0, 1), floor=0.0, prior=0.5),
    Unit("100 dB normalised to [-4, 4]", _DB / 12.5, 2.4, ends=(-4, 4), floor=-4.0, prior=0.5),
    Unit("a logarithm stretched to its own range", None, None, prior=0.3),
    Unit("a logarithm standardised as a whole", None, None, prior=0.5, standard="all"),
    Unit("a logarithm standardised row by row", None, None, prior=0.5, standard="rows"),
    Unit("magnitudes standardised as a whole", 1.0, None, "linear", 1, 0.1, standard="all"),
    Unit("magnitudes standardised row by row", 1.0, None, "linear", 1, 0.1, standard="rows"),
)


def unit_of(name: str, mel: MelSpec) -> Unit:
    """Return the way in which a model writes down what it calls a mel spectrogram."""
    if mel.log is None:
        return next(unit for unit in UNITS if unit.form == "linear" and unit.slope == mel.power)
    shift, scale = mel.shift, mel.scale
    assert isinstance(shift, (int, float)) and isinstance(scale, (int, float))
    slope = float(mel.unit * mel.power / scale)
    offset = -shift / scale
    for unit in UNITS:
        same = unit.form == "log" and unit.slope and abs(unit.slope / slope - 1) < 1e-9
        # levels a few decibels apart can't be told from each other
        if same and unit.offset is not None and abs(unit.offset - offset) < abs(slope) / 2:
            return unit
    floor = (mel.unit * math.log(mel.clamp) - shift) / scale
    reach = None if mel.reach is None else mel.reach / abs(scale)
    ends = mel.limits or (-math.inf, math.inf)
    return Unit(
        f"the normalised logarithm of {name}", slope, offset, ends=ends, floor=floor, reach=reach
    )
