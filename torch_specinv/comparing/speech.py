"""How good reconstructed speech sounds, as predicted by the packages pesq and pystoi."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

from torch import Tensor

from ..metrics import MetricInfo

# Wide-band PESQ is defined at this rate; ESTOI brings every signal to its own.
_RATE = 16000
# What pystoi returns where too little is left after it has taken out silence.
_NO_SPEECH = 1e-5

#: What :func:`perceived` returns, in order, and how to read it.
SPEECH_SCORES = {
    "pesq": MetricInfo(higher_is_better=True, decimals=2),
    "estoi": MetricInfo(higher_is_better=True, decimals=3),
}


def perceived(wave: Tensor, reference: Tensor, sr: int) -> tuple[float | None, float | None]:
    """Return wide-band PESQ (1 to 4.64) and ESTOI (0 to 1), higher is better.

    Either is None without its package, or where it finds no speech.

    Parameters
    ----------
    wave, reference : Tensor
        Shape (samples,).
    sr : int
        Sample rate in Hz; other rates than 16000 are resampled.
    """
    pair = [_at_rate(x, sr) for x in (reference, wave)]
    with warnings.catch_warnings(action="ignore"):  # clips that are too short, or silent
        return _pesq(*pair), _estoi(*pair)


def _at_rate(wave: Tensor, sr: int) -> Any:
    samples = wave.double().numpy()
    if sr == _RATE:
        return samples
    import librosa

    return librosa.resample(samples, orig_sr=sr, target_sr=_RATE)


def _pesq(reference: Any, wave: Any) -> float | None:
    try:
        package: Any = importlib.import_module("pesq")
    except ImportError:
        return None
    keep_going = package.PesqError.RETURN_VALUES
    score = package.pesq(_RATE, reference, wave, "wb", on_error=keep_going)
    return round(float(score), 3) if score > 0 else None


def _estoi(reference: Any, wave: Any) -> float | None:
    try:
        package: Any = importlib.import_module("pystoi")
    except ImportError:
        return None
    score = package.stoi(reference, wave, _RATE, extended=True)
    return None if score == _NO_SPEECH else round(float(score), 4)
