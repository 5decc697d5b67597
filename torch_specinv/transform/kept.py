"""The transforms of the last few geometries, kept for loops that make many calls with one."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Unpack

import torch
from torch import Tensor

from ..checks import check_spectrogram
from ..derivatives import is_differentiated, is_transformed
from ..errors import warn
from ..forks import lock_for_forks
from .geometry import ConventionWarning, Geometry, STFTKeywords
from .plausible import mel_hint, only_mel_has
from .read_geometry import read_geometry
from .stft import STFT

_KEPT: OrderedDict[Any, STFT] = OrderedDict()
_LOCK = lock_for_forks()
# How many transforms are kept, and the longest waveform of one: it holds numbers for each sample
_MOST = 8
_LONGEST = 2**20


def kept_stft(
    spec: Tensor,
    *,
    length: int | None = None,
    only_shape: bool = False,
    **stft_kwargs: Unpack[STFTKeywords],
) -> STFT:
    """Do what :meth:`STFT.of` does, or return what it returned for the same arguments lately.

    The transform is shared between calls, so nobody may change it. Of a spectrogram that has
    `only_shape`, no values are looked at.
    """
    spec = spec if only_shape and spec.numel() else check_spectrogram(spec)
    bins, frames = spec.shape[-2:]
    geometry = read_geometry(bins, frames, spec.dtype, spec.device, length, stft_kwargs)
    if stft_kwargs.get("n_fft") is not None and only_mel_has(bins, geometry.n_fft):
        warn(f"n_fft={geometry.n_fft} is an unusual one. {mel_hint(bins)}", ConventionWarning)
    key = _key(geometry)
    if key is None:
        return STFT(geometry)
    with _LOCK:
        found = _KEPT.pop(key, None)
        if found is not None:
            _KEPT[key] = found
            return found
    built = STFT(geometry)
    with _LOCK:
        _KEPT[key] = built
        while len(_KEPT) > _MOST:
            _KEPT.popitem(last=False)
    return built


def _key(geometry: Geometry) -> Any:
    """Return all numbers of a geometry, or None where they can't be read, or may not be kept.

    Windows are read on a CPU only: that costs nothing there, and waits elsewhere.
    """
    window = geometry.window
    plain = type(window) is Tensor and window.device.type == "cpu" and not window.requires_grad
    if not plain or geometry.length > _LONGEST or torch.compiler.is_compiling():
        return None
    if is_transformed() or is_differentiated(window):
        return None
    # tensors made in inference mode are of no use for gradients later
    if torch.is_inference_mode_enabled() or window.is_inference():
        return None
    return (*geometry.numbers, window.dtype, window.numpy().tobytes())
