"""The Python call that inverts an array, and notes on what is not certain."""

from __future__ import annotations

import math

from ..mel import PRESETS, Preset
from .measure import Measurement
from .weighing import Reading


def call_for(reading: Reading, presets: tuple[str, ...], sr: int | None) -> str:
    """Return the Python that inverts an array named spec."""
    spec = "spec.mT" if reading.transposed else "spec"
    if presets:
        return f'mel_to_audio({spec}, preset="{presets[0]}")'
    kind, unit = reading.kind, reading.unit
    if unit.slope is None:
        linear = f"({spec} * {kind.power / reading.slope:.3g}).exp()"
    else:
        linear = unit.undo(spec, kind.power)
    if kind.name == "linear":
        return f"invert({linear}, window=torch.hann_window({kind.n_fft}))"
    if kind.recipe is None:
        return f"mel_to_audio({linear}, sr={sr or '...'}, n_fft=..., hop_length=..., fmax=...)"
    return f"mel_to_audio({linear}, {_settings(kind.recipe)})"


def notes_for(
    reading: Reading, presets: tuple[str, ...], measured: Measurement, near: list[Reading]
) -> list[str]:
    """Return what else has to be said of a reading; `near` fit nearly as well."""
    notes: list[str] = []
    unit, kind = reading.unit, reading.kind
    if unit.slope is None:
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
        notes.append(f"The bank is taken to be that of {', '.join(kind.presets)}.")
        others = [name for r in near if r.kind is not kind for name in r.kind.presets]
        if others:
            notes[-1] += f" That of {', '.join(others)} would fit as well."
    elif kind.name == "mel" and not presets:
        notes.append("No preset records this: sample rate, n_fft and bank must be known.")
    if kind.name == "linear":
        notes.append("The hop is taken to be n_fft // 4, the window Hann's.")
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
        "n_fft": (recipe.n_fft, 1024),
        "hop_length": (recipe.hop_length, (recipe.n_fft or 0) // 4),
        "fmin": (mel.fmin, 0.0),
        "fmax": (mel.fmax, None),
        "htk": (mel.htk, False),
        "norm": (mel.norm, "slaney"),
        "filters": (mel.filters, "librosa"),
        "power": (mel.power, 1.0),
        "win_length": (recipe.win_length, None),
        "window_align": (recipe.window_align, "center"),
        "center": (recipe.center or bool(recipe.padding), True),
        "preemphasis": (recipe.preemphasis, 0.0),
    }
    given = [f"{name}={value!r}" for name, (value, usual) in settings.items() if value != usual]
    return ", ".join([str(mel.sr), *given])
