"""From an array to a diagnosis."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import SpecInvError, check_count
from ..tensors import any_tensor
from .diagnosis import Diagnosis, describe
from .kinds import kinds
from .measure import Measurement
from .standardised import may_be_standardised
from .weighing import Reading, weigh
from .wording import call_for, command_for, notes_for

# The probability from which the doctor is sure
_SURE = 0.65
# The same where a linear spectrogram is said not to hold magnitudes, which most do
_NO_MAGNITUDE = 0.85
# The fewest values that tell a phase
_LEAST_ANGLES = 500
# Rows of a transform of 16384 samples
_MOST_ROWS = 8193
# Values that are looked at to find out whether there are only a few different ones
_FEW = 100_000
# The same where the Nyquist bin is said to be missing
_NO_NYQUIST = 0.9
# The same where values are said to be standardised, or may be, by whatever statistics
_STANDARDISED = 0.95
# The score of an array that is none of the known kinds
_NOTHING = -5.5


def diagnose(spec: Any, sr: int | None = None) -> Diagnosis:
    """Say what an array of numbers probably is, and how to invert it.

    It is found from the numbers alone: the order of the axes; linear or mel; magnitude, power, a
    logarithm, decibels or one of the usual normalisations; and which presets make such arrays. The
    main evidence is how sharp peaks along frequency are, and how large changes along time: in the
    logarithm of the magnitude both are nearly the same for all recordings. Where several readings
    fit, the diagnosis is not sure, and says so.

    Parameters
    ----------
    spec : Tensor, or anything that torch.as_tensor takes
        Shape (..., rows, frames) or (..., frames, rows), any dtype.
    sr : int, optional
        Sample rate in Hz, where it is known: presets of other rates are left out.

    Returns
    -------
    Diagnosis
        Printed, a report; its `call` is the Python that inverts `spec`.

    Raises
    ------
    SpecInvError
        If it can't be read as numbers, or holds none.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv import diagnose
    >>> from torch_specinv.comparing.signals import speech_like
    >>> spectrum = torch.stft(speech_like(), 1024, window=torch.hann_window(1024),
    ...                       return_complex=True)
    >>> found = diagnose(20 * torch.log10(spectrum.abs().clamp_min(1e-5)))
    >>> found.unit
    'dB'
    >>> found.call
    'invert(10 ** (spec * 0.05), window=torch.hann_window(1024))'
    """
    array = _read(spec)
    sr = None if sr is None else check_count("sr", sr)
    shape = tuple(array.shape)
    if array.is_complex():
        call = "invert(spec, window=torch.hann_window(n_fft))"
        return Diagnosis(shape, "a complex spectrum", call=call)
    if _is_waveform(array):
        return Diagnosis(
            shape, "a waveform", call="torch.stft(spec, n_fft, window=..., return_complex=True)"
        )
    if array.shape[-1] == 2 and array.ndim > 2:
        call = "invert(torch.view_as_complex(spec.contiguous()), window=torch.hann_window(n_fft))"
        return Diagnosis(shape, "a complex spectrum as pairs of real numbers", call=call)
    array, notes = _finite(array.double())
    if _is_phase(array):
        note = "A phase in radians: without the magnitude nothing can be inverted."
        return Diagnosis(shape, "phase", notes=(*notes, note))
    if array.ndim > 2 and array.shape[-3] == 2 and _is_centred(array):
        parts = "spec[..., 0, :, :], spec[..., 1, :, :]"
        n_fft = 2 * (array.shape[-2] - 1)
        call = f"invert(torch.complex({parts}), window=torch.hann_window({n_fft}))"
        return Diagnosis(shape, "a complex spectrum as two channels", call=call)
    if not isinstance(spec, Tensor):
        notes.append("In the call, spec is a tensor: spec = torch.as_tensor(...).")
    few = array.unique() if array.numel() < _FEW else array.flatten()[:_FEW].unique()
    if len(few) < 8:
        values = ", ".join(f"{value:g}" for value in few.tolist())
        note = f"There are hardly any values but {values}."
        return Diagnosis(shape, "unknown", sure=False, confidence=0.0, notes=(*notes, note))
    # more rows than that are frames, unless both are so many
    rows = {False: array.shape[-2], True: array.shape[-1]}
    few_rows = [transposed for transposed in rows if rows[transposed] <= _MOST_ROWS]
    measurements = {
        transposed: Measurement.at(_cut(array.mT if transposed else array))
        for transposed in few_rows or rows
    }
    return conclude(shape, weigh(measurements, partial(kinds, sr=sr)), measurements, notes, sr)


def conclude(
    shape: tuple[int, ...],
    readings: list[Reading],
    measurements: dict[bool, Measurement],
    notes: Sequence[str] = (),
    sr: int | None = None,
) -> Diagnosis:
    """Return the likeliest diagnosis, after adding up the readings that agree on it."""
    best = max(reading.score for reading in readings)
    weights = [math.exp(reading.score - best) for reading in readings]
    total = sum(weights) + math.exp(_NOTHING - best)
    labels: dict[tuple[bool, str, bool, str], float] = {}
    for reading, weight in zip(readings, weights, strict=True):
        labels[reading.label] = labels.get(reading.label, 0.0) + weight / total
    ranked = sorted(labels.items(), key=lambda item: -item[1])
    (label, confidence), others = ranked[0], ranked[1:4]
    fitting = sorted((r for r in readings if r.label == label), key=lambda r: -r.score)
    chosen = fitting[0]
    near = [r for r in fitting if r.score > chosen.score - 3]
    presets = tuple(name for r in near for name in r.presets)
    transposed, kind, nyquist, unit = label
    return Diagnosis(
        shape=shape,
        kind=kind,
        unit=unit,
        transposed=transposed,
        nyquist=nyquist,
        sure=confidence >= _needed(chosen, measurements[transposed]),
        confidence=confidence,
        presets=presets,
        n_fft=chosen.kind.n_fft,
        call=call_for(chosen, presets, sr),
        command=command_for(chosen, presets, sr),
        notes=(*notes, *notes_for(chosen, presets, measurements[transposed], near)),
        others=tuple((describe(k, u, t, n), p) for (t, k, n, u), p in others if p > 0.02),
    )


def _needed(chosen: Reading, measured: Measurement) -> float:
    """Return the probability from which the doctor is sure of a reading."""
    near = may_be_standardised(measured) and not chosen.presets
    if chosen.unit.standard is not None or near:
        return _STANDARDISED
    if not chosen.kind.nyquist:
        return _NO_NYQUIST
    linear = chosen.kind.name == "linear" and chosen.unit.form != "log"
    return _NO_MAGNITUDE if linear and chosen.unit.name != "magnitude" else _SURE


def _read(spec: Any) -> Tensor:
    if isinstance(spec, Tensor) and not spec.is_nested:
        spec = spec.dequantize() if spec.is_quantized else spec.to_dense()
    if isinstance(spec, np.ndarray) and spec.dtype == object:
        with contextlib.suppress(TypeError, ValueError):  # what is no number is told below
            spec = spec.astype(float)
    array = any_tensor(spec, "spec").detach().cpu()
    if array.ndim == 0 or array.numel() == 0:
        raise SpecInvError(f"spec has shape {tuple(array.shape)}, which holds no values.")
    return array


def _cut(array: Tensor) -> Tensor:
    """Return (batch, rows, frames) with no more rows than any transform has."""
    return array[..., :_MOST_ROWS, :].reshape(-1, min(array.shape[-2], _MOST_ROWS), array.shape[-1])


def _is_waveform(array: Tensor) -> bool:
    """Return whether there is one dimension, or a few channels of very many samples."""
    if array.ndim < 2:
        return True
    few, many = sorted(array.shape[-2:])
    return few <= 8 and many > 2000


def _is_phase(array: Tensor) -> bool:
    """Return whether all values are angles, as often in each part of the circle.

    Silence has none, and 0 in its place.
    """
    angles = array[array != 0]
    if len(angles) < _LEAST_ANGLES or float(angles.abs().max()) > math.pi + 1e-4:
        return False
    parts = torch.histc(angles.float(), 8, -math.pi, math.pi) / len(angles)
    return bool((parts > 0.5 / 8).all()) and bool((parts < 2 / 8).all())


def _is_centred(array: Tensor) -> bool:
    """Return whether both channels have as many values above 0 as below, and are as large."""
    channels = array.movedim(-3, 0).flatten(1)
    above = (channels > 0).double().mean(1)
    size = channels.square().mean(1).sqrt()
    even = bool(((above > 0.4) & (above < 0.6)).all())
    return even and float(size.min()) > 0.5 * float(size.max())


def _finite(array: Tensor) -> tuple[Tensor, list[str]]:
    """Replace what is not finite by the nearest finite value; return it with a note."""
    bad = ~torch.isfinite(array)
    if not bool(bad.any()):
        return array, []
    good = array[~bad]
    if good.numel() == 0:
        raise SpecInvError("spec holds nothing but NaN or infinity.")
    cause = "NaN: a training step that diverged?"
    if not bool(torch.isnan(array).any()):
        cause = "infinite: the logarithm of silence? Clamp before taking it."
    array = torch.nan_to_num(array, float(good.min()), float(good.max()), float(good.min()))
    return array, [f"{int(bad.sum())} values are {cause}"]
