"""A quick check whether a mel spectrogram looks like one of the conventions that are named."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from ..errors import warn
from ..mel import PRESETS, MelSpec
from ..mel.plausible import implied_peak
from ..transform.geometry import ConventionWarning
from .diagnosing import diagnose
from .kinds import Kind, kind_of
from .measure import Measurement
from .units import Unit, unit_of
from .weighing import Reading, reading

# The fewest bands and frames that tell enough
_LEAST = (16, 16)
# Waveforms that are read from files lie within [-1, 1]; those of 16 bit integers reach 32768, and
# 1 at least, which noise and clicks seem to reach by this share
_LOUD, _INT16 = 4.0, 500.0
_HARDLY = 0.05
# Recipes that multiply waveforms by as much are of integers
_INTEGERS = 32767.0
# In natural logarithms of a magnitude: how far below the least value of a recipe predictions reach,
# what is another least value, and a range that is none
_BELOW, _ELSEWHERE, _NO_RANGE = 1.5, 0.05, 0.1
# How far predictions reach beyond the limits of a recipe, as a share of the range
_BEYOND = 0.25
# The greatest mean, and logarithm of a deviation, of values that were standardised; and under
# recipes that bring a corpus near to mean 0 and deviation 1 themselves
_STANDARD, _EXACTLY = 0.03, 1e-3
# By how much another reading has to be likelier, as a natural logarithm: where it fits well itself,
# where it does not, where that is a tone that hardly changes, and where something else is odd too
_LIKELIER, _MUCH_LIKELIER, _OF_TONES, _ODD = 5.5, 8.0, 12.0, 3.5
# The texture along time below which it is one
_STEADY = -4.0
_FITS = -2.0
# Rows that come near the maximum, as a share: fewer are a tone, which has no texture. And how near.
_BROAD, _NEAR = 0.1, 9.2
# Deviation and range of logarithms of a magnitude below which sound seldom is
_FLAT, _SHALLOW = 1.3, 6.5


def warn_unless_recorded(
    spec: Tensor,
    mel: MelSpec,
    n_fft: int,
    window: Tensor,
    name: str | None,
    gain: float = 1.0,
    amplitude: float = 1.0,
) -> None:
    """Warn if a mel spectrogram (bands, frames) is plainly not one of its conventions.

    `name` is that of the preset, if there is one, `gain` what the waves of its spectra are
    multiplied by in the end, and `amplitude` what its waves were multiplied by before.
    """
    array = spec.detach()[None].cpu().double()
    known = name is not None
    reason = doubt(array, mel, n_fft, window, known=known, gain=gain, amplitude=amplitude)
    if reason is None:
        return
    label = f"preset={name!r}" if name else "these conventions"
    found = diagnose(array[0])
    # a guess that it is just what it was said to be helps nobody
    same = not found.transposed and any(
        (PRESETS[other].mel, PRESETS[other].n_fft) == (mel, n_fft) for other in found.presets
    )
    telling = found.sure and not same
    guess = f"It looks like {found.what}: perhaps {found.call}. " if telling else ""
    warn(
        f"spec is read as a mel spectrogram of {label}, but {reason}. {guess}"
        "print(torch_specinv.diagnose(spec)) says more.",
        ConventionWarning,
    )


def doubt(
    array: Tensor,
    mel: MelSpec,
    n_fft: int,
    window: Tensor,
    *,
    known: bool = True,
    gain: float = 1.0,
    amplitude: float = 1.0,
) -> str | None:
    """Return what speaks against an array (1, bands, frames) having been made by a recipe.

    The level and the texture of linear values are looked at for `known` recipes only: others may
    have been scaled.
    """
    if mel.log is None and not known:
        return None
    bands, frames = array.shape[-2:]
    values = mel.restore(array)
    if not bool(torch.isfinite(values).all()) or bool((values < 0).any()):
        return None  # an error elsewhere
    peak = gain * implied_peak(values, window, n_fft, mel.bank(n_fft, bands), mel.power)
    if peak > _INT16:
        return (
            f"the waveform would reach about {peak:.2g}, as one of 16 bit integers does: then "
            "divide it by 32768, or pass a preset with amplitude=32768"
        )
    if peak > _LOUD:
        return f"the waveform would reach about {peak:.2g}, where sound lies within [-1, 1]"
    if amplitude >= _INTEGERS and peak * amplitude < _HARDLY and array.amax() > array.amin():
        return (
            f"the waveform would reach about {peak * amplitude:.2g}, where the integers of this "
            "recipe reach 1 at least"
        )
    if isinstance(mel.shift, tuple) or isinstance(mel.scale, tuple):
        # what each row was shifted by has no unit of its own
        array, mel = array * _column(mel.scale) + _column(mel.shift), replace(mel, shift=0, scale=1)
    measured, unit = Measurement.at(array), unit_of("this recipe", mel)
    return _of_ends(measured, mel, unit) or (
        _of_texture(measured, mel, n_fft, unit)
        if bands >= _LEAST[0] and frames >= _LEAST[1]
        else None
    )


def _of_ends(measured: Measurement, mel: MelSpec, unit: Unit) -> str | None:
    """Return what speaks against the least value, the mean and the deviation."""
    if mel.log is None or unit.slope is None:
        return None
    floor, slope = _floor(mel), abs(unit.slope)
    silence = floor is not None and abs(measured.least - floor) / slope < _ELSEWHERE
    if measured.reach == 0 and not silence:
        return f"all of its values are {measured.least:.4g}, as those of no sound are"
    if floor is not None and (measured.least - floor) / slope < -_BELOW:
        return f"it goes down to {measured.least:.4g}, below {floor:.4g}, their least value"
    if mel.limits is not None:
        low, high = mel.limits
        beyond = max(measured.most - high, low - measured.least) / (high - low)
        if beyond > _BEYOND:
            return (
                f"it goes from {measured.least:.3g} to {measured.most:.3g}, and theirs from "
                f"{low:g} to {high:g}"
            )
    deviation = max(measured.deviation, 1e-12)
    near = _STANDARD if (mel.shift, mel.scale) == (0, 1) else _EXACTLY
    whole = abs(measured.mean) < near and abs(math.log(deviation)) < near
    rows = bool((measured.row_means.abs() < near).all()) and bool(
        ((measured.row_deviations - 1).abs() < near).all()
    )
    if whole or rows:
        each = " in each band" if rows else ""
        return f"its mean is 0 and its standard deviation 1{each}: it was standardised"
    if measured.stretched:
        return f"it goes from {measured.least:.3g} to {measured.most:.3g}: it was stretched"
    return None


def _of_texture(measured: Measurement, mel: MelSpec, n_fft: int, unit: Unit) -> str | None:
    """Return what speaks against the texture and the range."""
    floor = _floor(mel) if mel.log is not None else None
    silent = floor is not None and abs(measured.least - floor) < 1e-4 * measured.reach
    if silent and measured.clamped:
        return None  # clamped where the recipe clamps
    kind = kind_of(mel, n_fft, measured.rows)
    claimed, other = _weigh(measured, kind, unit)
    likelier = other.score - claimed.score
    if likelier <= 0 or measured.reach == 0:
        return None
    fits = other.score > _FITS
    slope = claimed.slope
    line = measured.line(unit)
    broad = float((line > line.amax() - _NEAR * slope).any(1).double().mean()) > _BROAD
    peaks, changes = measured.texture(unit, slope)
    known = not (math.isnan(peaks) or math.isnan(changes))
    much = _OF_TONES if changes < _STEADY else _MUCH_LIKELIER
    sound = broad if known else measured.coherence(unit) > 0.5
    if sound and ((likelier > _LIKELIER and fits) or likelier > much):
        return "its values have another texture"
    if mel.log is None or not fits:
        return None
    elsewhere = floor is not None and abs(measured.least - floor) / slope > _ELSEWHERE
    kept = unit.reach is not None and abs(measured.reach - unit.reach) < 2e-3
    if measured.tied and elsewhere and not kept and measured.reach / slope > _NO_RANGE:
        return f"many of its values are {measured.least:.4g}, which is not their least value"
    flat = float(line.std()) / slope < _FLAT
    shallow = float(line.amax() - line.flatten().kthvalue(1 + line.numel() // 100).values) / slope
    usual = kind.recipe is not None  # of other banks it is not known what is usual
    if usual and known and broad and likelier > _ODD and flat and shallow < _SHALLOW:
        return "its values lie unusually close together"
    return None


def _weigh(measured: Measurement, kind: Kind, unit: Unit) -> tuple[Reading, Reading]:
    """Return the reading that is claimed, and the likeliest other one of values of one kind."""
    own = [(u, presets) for u, presets in kind.units() if _same(u, unit)]
    presets = own[0][1] if own else ()
    claimed = reading(measured, False, kind, own[0][0] if own else unit, presets)
    others = [
        reading(measured, False, kind, u, presets)
        for u, presets in kind.units()
        if not _same(u, unit) and u.standard is None
    ]
    return claimed, max(others, key=lambda r: r.score)


def _same(a: Unit, b: Unit) -> bool:
    return replace(a, name="") == replace(b, name="")


def _floor(mel: MelSpec) -> float | None:
    """Return the least value that a recipe with a logarithm writes, if it has one."""
    if mel.limits is not None:
        return mel.limits[0]
    least = max(mel.clamp, mel.offset)
    if least <= 0 or isinstance(mel.shift, tuple) or isinstance(mel.scale, tuple):
        return None
    return (math.log(least) * mel.unit - mel.shift) / mel.scale


def _column(value: float | tuple[float, ...]) -> Tensor:
    column = torch.tensor(value, dtype=torch.float64, device="cpu")
    return column[:, None] if column.ndim else column
