"""How good reconstructed speech sounds, as predicted by the packages pesq and pystoi."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

from torch import Tensor

from ..metrics import MetricInfo

# Wide-band PESQ is defined at the first rate and narrow-band PESQ at the second; ESTOI brings every
# signal to its own.
WIDE, _NARROW = 16000, 8000
# What pystoi returns where too little is left after it has taken out silence.
_NO_SPEECH = 1e-5
# What PESQ takes at least, in seconds
_SHORTEST = 0.25

#: What :func:`perceived` returns, in order, and how to read it.
SPEECH_SCORES = {
    "pesq": MetricInfo(higher_is_better=True, decimals=2),
    "estoi": MetricInfo(higher_is_better=True, decimals=3),
}


def perceived(wave: Tensor, reference: Tensor, sr: int) -> tuple[float | None, float | None]:
    """Return PESQ (1 to 4.64) and ESTOI (0 to 1), higher is better.

    PESQ is the wide-band one from 16000 Hz on, the narrow-band one (to 4.55) from 8000 Hz on, and
    None below. Either is None without its package, or where it finds no speech;
    :func:`why_not_speech` says which.

    Parameters
    ----------
    wave, reference : Tensor
        Shape (samples,).
    sr : int
        Sample rate in Hz; other rates than 16000 and 8000 are resampled to the next lower one.
    """
    rate = _rate_of(sr)
    if rate is None:
        return None, None
    pair = [at_rate(x, sr, rate) for x in (reference, wave)]
    with warnings.catch_warnings(action="ignore"):  # clips that are too short, or silent
        return _pesq(pair[0], pair[1], rate), _estoi(pair[0], pair[1], rate)


def why_not_speech(reference: Tensor, sr: int) -> dict[str, str]:
    """Return, by score, why there is none of a clip; nothing where there is."""
    reasons: dict[str, str] = {}
    for score, package in (("pesq", "pesq"), ("estoi", "pystoi")):
        try:
            importlib.import_module(package)
        except ImportError:
            reasons[score] = not_installed(package)
    found = dict(zip(SPEECH_SCORES, perceived(reference, reference, sr), strict=True))
    for score in SPEECH_SCORES:
        if score in reasons or found[score] is not None:
            continue
        if _rate_of(sr) is None:
            reasons[score] = f"it takes {_NARROW} Hz or more"
        elif score == "pesq" and len(reference) < _SHORTEST * sr:
            reasons[score] = f"it takes {_SHORTEST} s or more"
        else:
            reasons[score] = "it found no speech, or too little"
    return reasons


def not_installed(package: str, *more: str) -> str:
    """Return what to do about a package that is missing, or one of those that it needs."""
    return f"{package} is not installed: python -m pip install {' '.join((package, *more))}"


def is_narrow_band(sr: int) -> bool:
    """Return whether PESQ is the narrow-band one, whose values are not those of the other."""
    return _rate_of(sr) == _NARROW


def _rate_of(sr: int) -> int | None:
    """Return the rate at which speech is judged, or None where there is none."""
    return next((rate for rate in (WIDE, _NARROW) if sr >= rate), None)


def at_rate(wave: Tensor, sr: int, rate: int) -> Any:
    """Return samples as a numpy array, resampled."""
    samples = wave.double().numpy()
    if sr == rate:
        return samples
    import librosa

    return librosa.resample(samples, orig_sr=sr, target_sr=rate)


def _pesq(reference: Any, wave: Any, rate: int) -> float | None:
    try:
        package: Any = importlib.import_module("pesq")
    except ImportError:
        return None
    keep_going = package.PesqError.RETURN_VALUES
    mode = "wb" if rate == WIDE else "nb"
    score = package.pesq(rate, reference, wave, mode, on_error=keep_going)
    return round(float(score), 3) if score > 0 else None


def _estoi(reference: Any, wave: Any, rate: int) -> float | None:
    try:
        package: Any = importlib.import_module("pystoi")
    except ImportError:
        return None
    if not reference.any():  # it would compare noise that it adds
        return None
    score = package.stoi(reference, wave, rate, extended=True)
    return None if score == _NO_SPEECH else round(float(score), 4)
