"""The flags that say how an array was made, and the recipe that they add up to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import SpecInvError, warn
from ..mel import PRESETS, Levels, MelSpec, Preset, normalised_levels, preset
from ..mel.levels import LOGS
from ..transform.geometry import WINDOW_ALIGNS, ConventionWarning
from ..transform.named_windows import WINDOWS, parse_window
from ..transform.padding import PAD_MODES
from .flags import add, switch

_STFT = ("n_fft", "hop_length", "win_length", "window", "window_align", "center", "pad_mode",
         "normalized")  # fmt: skip
_BANK = ("fmin", "fmax", "htk", "norm")
_LEVELS = ("power", "log", "clamp", "offset", "reach", "shift", "scale")
_NORM = ("min_level_db", "ref_level_db", "max_norm", "symmetric_norm")
_WAVE = ("preemphasis", "amplitude")


def add_stft(parser: Any) -> None:
    """Add the settings of the STFT."""
    stft = parser.add_argument_group("STFT", "as in torch.stft; a preset brings its own")
    add(stft, "n_fft", int, "default: from the bins; 1024 for audio and mel spectrograms")
    add(stft, "hop_length", int, "default: n_fft // 4")
    add(stft, "win_length", int, "default: n_fft")
    add(stft, "window", str, f"default: hann; with a parameter as kaiser:14; {', '.join(WINDOWS)}")
    add(stft, "window_align", str, f"where a shorter window lies: {', '.join(WINDOW_ALIGNS)}")
    add(stft, "center", bool, "whether frames are centred and ends padded; default: true")
    add(stft, "pad_mode", str, f"default: reflect; {', '.join(PAD_MODES)}")
    add(stft, "normalized", bool, "whether spectra are divided by sqrt(n_fft); default: false")


def add_recipe(parser: Any) -> None:
    """Add the settings of an array's values and bands, and of what was done to the waveform."""
    recipe = parser.add_argument_group(
        "recipe", "how the array was made; specinv doctor FILE tells what it looks like"
    )
    add(recipe, "preset", str, f"a known recipe, which other flags change: {', '.join(PRESETS)}",
        metavar="NAME")  # fmt: skip
    switch(recipe, "transpose", "the array is (frames, rows)")
    switch(recipe, "append_nyquist", "the highest bin was dropped: append it as zeros")
    switch(recipe, "mel", "the array is a mel spectrogram, with the bands of the flags below")
    add(recipe, "fmin", float, "lower edge of the lowest band; default: 0", metavar="HZ")
    add(recipe, "fmax", float, "upper edge of the highest band; default: sr / 2", metavar="HZ")
    add(recipe, "htk", bool, "HTK's mel scale instead of Slaney's")
    add(recipe, "norm", str, "slaney (default) or none: whether bands are divided by their width")
    add(recipe, "power", float, "1 for magnitudes (default), 2 for powers")
    add(recipe, "log", str, f"the logarithm that was taken: {', '.join(LOGS)}, log1p")
    switch(recipe, "db", "the same as --log dB")
    add(recipe, "clamp", float, "the least value before the logarithm")
    add(recipe, "offset", float, "what was added before the logarithm")
    add(recipe, "reach", float, "dynamic range that was kept, in the unit of the logarithm")
    add(recipe, "shift", float, "what was subtracted, such as the mean of a corpus")
    add(recipe, "scale", float, "what it was divided by, such as the standard deviation")
    add(recipe, "stats", str, "file of means and standard deviations: .npy, .npz or .json",
        metavar="FILE")  # fmt: skip
    add(recipe, "min_level_db", float, "decibels normalised as in Tacotron: -100 there")
    add(recipe, "ref_level_db", float, "its reference level: 20 there")
    add(recipe, "max_norm", float, "its greatest value: 1 or 4")
    switch(recipe, "symmetric_norm", "from -max_norm instead of 0")
    add(recipe, "preemphasis", float, "coefficient of the pre-emphasis, such as 0.97")
    add(recipe, "amplitude", float, "what the waveform was multiplied by: 32768 for 16 bit")


def read_recipe(settings: Any) -> Preset:
    """Return the recipe of an array."""
    given = read_stft(settings)
    given |= {name: settings[name] for name in _WAVE if settings[name] is not None}
    values = read_levels(settings)
    bank = {name: settings[name] for name in _BANK if settings[name] is not None}
    if bank.get("norm") == "none":
        bank["norm"] = None
    if settings.append_nyquist:
        given["nyquist"] = False
    if settings.preset is not None:
        if settings.mel:
            raise SpecInvError("--mel and --preset: a preset says what its bands are.")
        found = preset(settings.preset)
        if found.is_mel and settings.sr not in (None, found.sr):
            bank["sr"] = settings.sr
        return preset(found, **given, **values, **bank)
    if not settings.mel:
        if bank:
            raise SpecInvError(f"--{next(iter(bank))} is for mel spectrograms: pass --mel as well.")
        recipe = Preset.plain(settings.sr, **given)
        return replace(recipe, values=Levels(**values)) if values else recipe
    if settings.sr is None:
        raise SpecInvError("--mel needs --sr: its bands lie at frequencies.")
    n_fft, hop_length = given.pop("n_fft", 1024), given.pop("hop_length", None)
    return Preset(
        MelSpec(settings.sr, **bank, **values), None, n_fft, hop_length, "as told", **given
    )


def read_levels(settings: Any) -> dict[str, Any]:
    """Return the keywords of :class:`Levels` that were passed as flags."""
    found = {name: settings[name] for name in _LEVELS if settings[name] is not None}
    if settings.db:
        if settings.log not in (None, "dB"):
            raise SpecInvError(f"--db and --log {settings.log}: only one of them.")
        found["log"] = "dB"
    norm = {name: settings[name] for name in _NORM if settings[name] not in (None, False)}
    if norm:
        found |= normalised_levels(**norm)
    if settings.stats is not None:
        from ..io import read_statistics

        found["shift"], found["scale"] = read_statistics(settings.stats)
    return found


def read_stft(settings: Any) -> dict[str, Any]:
    """Return the keywords of the STFT that were passed as flags."""
    given = {name: settings[name] for name in _STFT if settings[name] is not None}
    if "window" in given:
        given["window"] = parse_window(given["window"])
    return given


def read_rate(path: Path, settings: Any, recipe: Preset, found: int | None) -> int:
    """Return the sample rate of an array: the recipe's, that of a flag, or what the file names."""
    given = recipe.sr or settings.sr
    if given is None and found is None:
        raise SpecInvError(f"{path} has no sample rate: pass --sr.")
    if None not in (given, found) and given != found:
        warn(
            f"{path} names a sample rate of {found} Hz, but {given} Hz is used.", ConventionWarning
        )
    sr = given or found or 0
    if settings.sr not in (None, sr):
        raise SpecInvError(f"--sr {settings.sr}, but --preset {settings.preset} has {sr} Hz.")
    return sr


def refuse_recipe(path: Path, settings: Any) -> None:
    """Raise if what is said of an array is said of audio."""
    if settings.key is not None:
        raise SpecInvError(f"{path} is audio, but --key is for files of arrays.")
    if read_recipe(settings) != Preset.plain(settings.sr, **read_stft(settings)):
        raise SpecInvError(f"{path} is audio, but a recipe is for arrays: leave out its flags.")
