"""The Python call that inverts an array, and notes on what is not certain."""

from __future__ import annotations

import math

from ..mel import PRESETS, Preset
from ..mel.levels import LOGS
from .measure import Measurement
from .units import Unit
from .weighing import Reading

# Decibels in a natural logarithm of a magnitude
_DB = 20 / math.log(10)


def call_for(reading: Reading, presets: tuple[str, ...], sr: int | None) -> str:
    """Return the Python that inverts an array named spec; what is not known is left open."""
    spec = "spec.mT" if reading.transposed else "spec"
    if presets:
        return f'mel_to_audio({spec}, preset="{presets[0]}")'
    kind, unit = reading.kind, reading.unit
    if unit.standard is not None:
        log = unit.form == "log"
        values = f"({spec} * std + mean)" if kind.name == "linear" else spec
        linear = f"{values}.exp()" if log and kind.name == "linear" else values
    elif unit.slope is None:
        linear = f"({spec} * {kind.power / reading.slope:.3g}).exp()"
    else:
        linear = unit.undo(spec, kind.power)
    if kind.name == "linear":
        if not kind.nyquist:
            linear = f"torch.nn.functional.pad({linear}, (0, 0, 0, 1))"
        return f"invert({linear}, {kind.stft})"
    more = ", power=2.0" if kind.power == 2 else ""
    if unit.standard is not None:
        more += (', log="ln"' if unit.form == "log" else "") + ", shift=mean, scale=std"
    return f"mel_to_audio({linear}, sr={sr or '...'}, n_fft=..., hop_length=..., fmax=...{more})"


def command_for(reading: Reading, presets: tuple[str, ...], sr: int | None) -> str:
    """Return the command line that inverts a file; what is not known is in capitals."""
    kind, unit = reading.kind, reading.unit
    flags = ["--transpose"] if reading.transposed else []
    if presets:
        return " ".join(["specinv invert FILE -o out.wav --preset", presets[0], *flags])
    flags += ["--sr", str(sr or "HZ")]
    if kind.name == "mel":
        flags += ["--mel", "--n-fft", "N", "--hop-length", "N", "--fmax", "HZ"]
    elif not kind.nyquist:
        flags += ["--append-nyquist"]
    if unit.standard is not None:
        flags += ["--log ln"] if unit.form == "log" else []
        flags += ["--stats", "STATISTICS.npz"]
    elif unit.slope is None:
        return ""
    elif unit.form == "linear":
        flags += ["--power 2"] if unit.slope == 2 else []
    elif unit.form == "log1p":
        flags += ["--log log1p"]
    else:
        flags += _logarithm(unit, kind.power)
    return " ".join(["specinv invert FILE -o out.wav", *flags])


def _logarithm(unit: Unit, power: float) -> list[str]:
    """Return the flags for a logarithm; decibels may have been shifted and scaled."""
    assert unit.slope is not None
    of_power = ["--power 2"] if power == 2 else []
    for name, factor in LOGS.items():
        exponent = unit.slope / factor
        if name != "dB" and not unit.offset and exponent in (1, 2):
            return [f"--log {name}", *(["--power 2"] if exponent == 2 else [])]
    scale = _DB / unit.slope
    shift = -(unit.offset or 0) * scale
    moved = [f"--shift {shift:.6g}"] if shift else []
    moved += [f"--scale {scale:.6g}"] if abs(scale - 1) > 1e-9 else []
    return ["--db", *of_power, *moved]


def notes_for(
    reading: Reading, presets: tuple[str, ...], measured: Measurement, near: list[Reading]
) -> list[str]:
    """Return what else has to be said of a reading; `near` fit nearly as well."""
    notes: list[str] = []
    unit, kind = reading.unit, reading.kind
    if unit.standard is not None:
        rows = "each row's" if unit.standard == "rows" else "the"
        notes.append(
            f"It was standardised: {rows} mean and standard deviation, mostly those of a corpus, "
            "have to be known. mean and std are numbers, or one for each row as (rows, 1). "
            "Whether a natural logarithm was taken can't be told either."
        )
    elif unit.slope is None:
        decibels = (measured.most - measured.least) * 20 / math.log(10) / reading.slope
        notes.append(
            f"Its range is lost. By the texture it was some {decibels:.0f} dB; the level is lost "
            "too. The exact range, where you know it, sounds better."
        )
    elif unit.offset is None:
        notes.append("The level is lost: the waveform will be louder or quieter than it was.")
    elif _integers(reading, measured):
        notes.append("It is as loud as 16 bit integers: divide the waveform by 32768.")
    paddings = {PRESETS[name].padding for name in presets}
    if len(paddings) > 1:
        notes.append(
            "They differ in how frames lie (HiFi-GAN's are not centred), which the numbers do not "
            "tell: take the one of your model."
        )
    elif kind.name == "mel" and kind.recipe is not None and not presets:
        others = [name for r in near if r.kind is not kind for name in r.kind.presets]
        names = ", ".join(dict.fromkeys([*kind.presets, *others]))
        notes.append(
            f"Its bands look like those of {names}: {_settings(kind.recipe)}. Fill in what your "
            "model has: these can't be told from the numbers."
        )
    elif kind.name == "mel" and not presets:
        notes.append("No preset records this: sample rate, n_fft and bank must be known.")
    if kind.name == "linear":
        notes.append("The hop is taken to be n_fft // 4, the window Hann's: neither can be told.")
    return notes


def _integers(reading: Reading, measured: Measurement) -> bool:
    unit = reading.unit
    if unit.slope is None or unit.offset is None:
        return False
    most = float(unit.straighten(measured.values.new_tensor([measured.most])))
    return (most - unit.offset) / unit.slope > reading.kind.expected.level + 6


def _settings(recipe: Preset) -> str:
    mel = recipe.mel
    settings = {
        "sr": mel.sr, "n_fft": recipe.n_fft, "hop_length": recipe.hop_length,
        "win_length": recipe.win_length, "fmin": mel.fmin or None, "fmax": mel.fmax,
        "htk": mel.htk or None, "power": None if mel.power == 1 else mel.power,
        "filters": None if mel.filters == "librosa" else mel.filters,
        "preemphasis": recipe.preemphasis or None,
    }  # fmt: skip
    shown = [f"{name}={value!r}" for name, value in settings.items() if value is not None]
    return ", ".join([*shown, "norm=None"] if mel.norm is None else shown)
