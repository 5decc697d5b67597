"""How good reconstructed music sounds, as predicted by the package visqol-python."""

from __future__ import annotations

import importlib
import warnings
from functools import cache
from typing import Any

from torch import Tensor

from ..metrics import MetricInfo

# ViSQOL's audio mode is defined at this rate.
_RATE = 48000
#: ViSQOL compares patches of half a second.
LEAST_SECONDS = 1.0

#: What :func:`visqol` returns, and how to read it.
MUSIC_SCORES = {"visqol": MetricInfo(higher_is_better=True, decimals=2)}


@cache
def _measure() -> Any:
    """Return the function that compares arrays, or None without the package."""
    try:
        package: Any = importlib.import_module("visqol")
    except ImportError:
        return None
    api = package.VisqolApi()
    api.create(mode="audio")
    return api.measure_from_arrays


def visqol(wave: Tensor, reference: Tensor, sr: int) -> float | None:
    """Return ViSQOL in audio mode (1 to about 4.7), higher is better.

    None without the package, or where it can't compare the two.

    Parameters
    ----------
    wave, reference : Tensor
        Shape (samples,).
    sr : int
        Sample rate in Hz; other rates than 48000 are resampled.
    """
    measure = _measure()
    if measure is None or len(reference) < LEAST_SECONDS * sr:
        return None
    import librosa

    pair = [
        librosa.resample(x.double().numpy(), orig_sr=sr, target_sr=_RATE) for x in (reference, wave)
    ]
    with warnings.catch_warnings(action="ignore"):
        try:
            score = float(measure(*pair, _RATE).moslqo)
        except (ValueError, RuntimeError):  # silence
            return None
    return round(score, 3)


def why_not_visqol(reference: Tensor, sr: int) -> str | None:
    """Return why there is no ViSQOL of a clip, or None where there is."""
    if _measure() is None:
        return "visqol-python is not installed: python -m pip install visqol-python"
    if len(reference) < LEAST_SECONDS * sr:
        return f"it takes {LEAST_SECONDS:g} s or more"
    return None
