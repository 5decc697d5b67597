"""How good speech sounds without an original, as predicted by the package speechmos."""

from __future__ import annotations

import importlib
import math
import warnings
from functools import cache
from typing import Any

from torch import Tensor

from ..metrics import MetricInfo
from .speech import WIDE, at_rate, not_installed

#: What :func:`dnsmos` returns, and how to read it.
DNSMOS_SCORES = {"dnsmos": MetricInfo(higher_is_better=True, decimals=2)}


@cache
def _measure() -> Any:
    """Return the function of (samples, rate), or None without the package."""
    try:
        package: Any = importlib.import_module("speechmos.dnsmos")
    except ImportError:
        return None
    return package.run


def dnsmos(wave: Tensor, sr: int) -> float | None:
    """Return the overall score of DNSMOS P.835 (1 to 5), higher is better.

    It needs no original. None without the package, for silence and below 16000 Hz.

    Parameters
    ----------
    wave : Tensor
        Shape (samples,). What is beyond 1 is scaled down, as the score depends on the level.
    sr : int
        Sample rate in Hz; higher rates than 16000 are resampled.
    """
    measure = _measure()
    if measure is None or sr < WIDE or not bool(wave.any()):
        return None
    samples = at_rate(wave, sr, WIDE)
    samples = samples / max(1.0, float(abs(samples).max()))
    with warnings.catch_warnings(action="ignore"):
        score = float(measure(samples, WIDE)["ovrl_mos"])
    return round(score, 3) if math.isfinite(score) else None


def why_not_dnsmos(sr: int) -> str | None:
    """Return why there is no DNSMOS of speech, or None where there is."""
    if _measure() is None:
        return not_installed("speechmos", "onnxruntime", "requests")  # it names no requirements
    return f"it takes {WIDE} Hz or more" if sr < WIDE else None
