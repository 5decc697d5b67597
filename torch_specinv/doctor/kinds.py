"""The kinds of spectrograms there are, and what sound looks like in each.

The numbers were measured on recordings of speech and music; ``benchmarks/doctor.py`` repeats it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor

from ..checks import MEL_BANDS
from ..mel import PRESETS, MelSpec, Preset
from .units import UNITS, Unit, unit_of
from .windows import sharpness


@dataclass(frozen=True)
class Expected:
    """The mean values and standard deviations of measurements, over recordings."""

    peaks: float
    """The texture along frequency, the first value of :meth:`Measurement.texture`."""
    changes: float
    """The texture along time, the second value."""
    level: float
    """Natural logarithm of the greatest magnitude."""
    tilt: float
    """How far low bands are above high ones, see :meth:`Measurement.tilt`."""
    spread: tuple[float, float] = (0.27, 0.21)
    """Standard deviations of `peaks` and `changes`."""
    correlation: float = -0.45
    """The correlation of these two."""
    level_spread: float = 1.0
    """Standard deviation of `level`."""
    dispersion: float = 0.82
    """Logarithm of the standard deviation of the logarithms of magnitudes."""


@dataclass(frozen=True)
class Kind:
    """A linear or mel spectrogram of one geometry."""

    name: str
    """It is "linear" or "mel"."""
    expected: Expected
    """What such spectrograms measure."""
    prior: float = 1.0
    """How common it is beside the other kinds."""
    n_fft: int | None = None
    """Samples of a frame, where they are known."""
    nyquist: bool = True
    """Whether a linear spectrogram has its last bin, that of half the sample rate."""
    recipe: Preset | None = None
    """One of `presets`, for the bank; None for a linear spectrogram or an unknown bank."""
    presets: tuple[str, ...] = ()
    """The presets that share this bank and transform."""
    stft: str = "..."
    """The keywords of the STFT in a call; "..." are those that the caller knows."""

    @property
    def power(self) -> float:
        """Of the magnitudes that are added up."""
        return 1.0 if self.recipe is None else self.recipe.mel.power

    def blind_spots(self) -> Tensor:
        """Return weights (combinations, rows) of bands whose sums are 0 for every sound.

        There are some where bands lie closer than bins, so that they add up the same bins. They
        identify a bank.
        """
        if self.recipe is None:
            return torch.zeros(0, 0, dtype=torch.float64, device="cpu")
        return _blind_spots(self.recipe)

    def units(self) -> list[tuple[Unit, tuple[str, ...]]]:
        """Return the units that it may have, and which presets use each."""
        own: dict[Unit, tuple[str, ...]] = dict.fromkeys(UNITS, ())
        for name in self.presets:
            mel = PRESETS[name].mel
            # models that write down the same have the same unit
            first = next(other for other in self.presets if PRESETS[other].mel == mel)
            unit = unit_of(first, mel)
            own[unit] = (*own.get(unit, ()), name)
        return list(own.items())


# peaks, changes, level, tilt
KNOWN_EXPECTED = {
    "tacotron2": Expected(0.59, -0.08, 0.85, 1.19),
    "bigvgan_24khz": Expected(0.54, -0.03, 0.87, 1.38),
    "bigvgan_44khz": Expected(0.53, -0.01, 1.64, 1.70),
    "vocos": Expected(0.47, -0.10, 4.53, 0.83),
    "espnet": Expected(0.57, -0.08, 0.74, 1.05),
    "whisper": Expected(0.29, 0.33, 1.49, 1.19),
    "whisper_128": Expected(0.63, 0.50, 1.66, 1.14),
    "torchaudio": Expected(0.54, 0.54, 3.32, 0.48),
    "librosa": Expected(0.47, -0.07, 3.19, 1.30),
    "tacotron_mel": Expected(0.78, -0.09, -0.26, 0.29),
    "autovc": Expected(0.84, -0.04, 0.97, 1.24),
    "kaldi": Expected(0.33, 0.17, 2.37, -0.37),
    "htk": Expected(0.65, -0.12, 13.94, -0.81),
    "python_speech_features": Expected(0.44, -0.26, 10.20, -0.33),
    "audioldm": Expected(0.90, -0.85, 1.00, 1.29),
    "riffusion": Expected(0.13, -0.81, 16.76, 0.43),
    "ast": Expected(0.47, 0.34, 2.25, -0.34),
}
# a hop of any length, a bank of any shape
_MEL_EXPECTED = Expected(0.53, 0.1, 2.0, 1.0, spread=(0.32, 0.5), correlation=0.0, level_spread=2.5)
# of the level: a quarter of n_fft is a sine of amplitude 1
_LINEAR_EXPECTED = Expected(
    0.53, 0.45, -1.3, 1.3, spread=(0.13, 0.4), correlation=0.0, dispersion=1.19
)
# How much broader peaks are, see windows.py, under windows of 0.78 and 0.5 times the FFT, and how
# common these are
_PADDED = ((0.24, 0.2), (0.75, 0.1))


def kinds(rows: int, sr: int | None) -> list[Kind]:
    """Return the kinds that have so many rows, at a sample rate in Hz."""
    found: list[Kind] = []
    banks: dict[object, list[str]] = {}
    for name, preset in PRESETS.items():
        if preset.n_mels == rows and sr in (None, preset.mel.sr):
            banks.setdefault(_bank(preset), []).append(name)
    for names in banks.values():
        first = PRESETS[names[0]]
        expected = KNOWN_EXPECTED.get(names[0], _MEL_EXPECTED)
        # a bank that more models share is met more often
        found.append(
            Kind("mel", expected, len(names), first.n_fft, recipe=first, presets=tuple(names))
        )
    found += linear_kinds(rows)
    found.append(Kind("mel", _MEL_EXPECTED, 0.3 if rows in MEL_BANDS else 0.003))
    return found


def linear_kinds(rows: int) -> list[Kind]:
    """Return the linear kinds that have so many rows.

    The FFT may be longer than the window where it is a power of 2, as in Kaldi and the like.
    """
    kinds = _under_hann(rows)
    padded = [
        replace(kind, expected=_broader(kind.expected, by), prior=prior * kind.prior)
        for kind in kinds
        if kind.n_fft is not None and kind.n_fft & (kind.n_fft - 1) == 0
        for by, prior in _PADDED
    ]
    return kinds + padded


def _under_hann(rows: int) -> list[Kind]:
    """Return the linear kinds of so many rows under a Hann window as long as the FFT."""
    return [_linear(2 * (rows - 1)), _linear(2 * rows, nyquist=False)]


def _broader(expected: Expected, by: float) -> Expected:
    """Return what there is where peaks are broader."""
    return replace(expected, peaks=expected.peaks - by)


def kinds_under(window: Tensor, rows: int) -> list[Kind]:
    """Return the linear kinds that have so many rows, under a window (n_fft,) that is known."""
    level = math.log(max(float(window.abs().sum()), 1e-6) / 2) + _LINEAR_EXPECTED.level
    peaks = _LINEAR_EXPECTED.peaks + sharpness(window)
    expected = replace(_LINEAR_EXPECTED, peaks=peaks, level=level)
    return [replace(kind, expected=expected, stft="...") for kind in _under_hann(rows)]


def kind_of(mel: MelSpec, n_fft: int, rows: int) -> Kind:
    """Return the kind of the mel spectrograms that are made by these conventions."""
    for kind in kinds(rows, mel.sr):
        if (
            kind.recipe is not None
            and kind.n_fft == n_fft
            and _shape(kind.recipe.mel) == _shape(mel)
        ):
            return kind
    return Kind("mel", _MEL_EXPECTED)


def _linear(n_fft: int, *, nyquist: bool = True) -> Kind:
    level = math.log(max(n_fft, 4) / 4) + _LINEAR_EXPECTED.level
    prior = _usual(n_fft) if nyquist else _usual_without_nyquist(n_fft)
    expected = replace(_LINEAR_EXPECTED, level=level)
    stft = f"window=torch.hann_window({n_fft})"
    return Kind("linear", expected, prior, n_fft, nyquist, stft=stft)


@lru_cache
def _blind_spots(recipe: Preset) -> Tensor:
    bank = recipe.bank().double()
    vectors, values, _ = torch.linalg.svd(bank, full_matrices=False)
    return vectors[:, values < 1e-6 * values[0]].mT


def _bank(preset: Preset) -> object:
    return (*_shape(preset.mel), preset.n_mels, preset.n_fft, preset.hop_length)


def _shape(mel: MelSpec) -> tuple[object, ...]:
    top = mel.sr / 2 if mel.fmax is None else mel.fmax
    return (mel.sr, mel.fmin, top, mel.htk, mel.norm, mel.filters, mel.power)


def _usual(n_fft: int) -> float:
    """Return how common an n_fft is, as a prior beside the other kinds."""
    if n_fft < 64 or n_fft % 4:
        return 0.003
    if n_fft & (n_fft - 1) == 0:
        return 3.0 if n_fft >= 256 else 0.3
    return 1.0 if n_fft % 100 == 0 or n_fft % 160 == 0 else 0.05


def _usual_without_nyquist(n_fft: int) -> float:
    """Return the same for spectrograms without the last bin: sizes for networks that halve them."""
    return (0.3 if n_fft & (n_fft - 1) == 0 else 0.03) * _usual(n_fft)
