"""Frequency scales: matrices that add up bins to bands, by librosa."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from .errors import SpecInvError


def mel_scale(
    sr: int,
    n_fft: int,
    n_mels: int = 80,
    *,
    fmin: float = 0.0,
    fmax: float | None = None,
    htk: bool = False,
    norm: str | None = "slaney",
) -> Tensor:
    """Return the mel filter bank of librosa, for the `scale` of STFT losses.

    Parameters
    ----------
    sr, n_fft, n_mels : int
        Sample rate in Hz, length of the transform, number of bands.
    fmin, fmax : float
        In Hz. Default: 0 and half the sample rate.
    htk : bool, default False
        HTK's formula instead of Slaney's.
    norm : str, optional
        "slaney" divides by the width of the bands.

    Returns
    -------
    Tensor
        Shape (n_mels, n_fft // 2 + 1), float32.

    Raises
    ------
    SpecInvError
        If librosa is not installed.

    Examples
    --------
    >>> from torch_specinv.scales import mel_scale
    >>> mel_scale(16000, 1024).shape
    torch.Size([80, 513])
    """
    filters = _librosa_filters()
    return _matrix(
        filters.mel(sr=sr, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax, htk=htk, norm=norm)
    )


def chroma_scale(sr: int, n_fft: int, n_chroma: int = 12) -> Tensor:
    """Return the chroma filter bank of librosa, for the `scale` of STFT losses.

    Parameters
    ----------
    sr, n_fft, n_chroma : int
        Sample rate in Hz, length of the transform, number of pitch classes.

    Returns
    -------
    Tensor
        Shape (n_chroma, n_fft // 2 + 1), float32.

    Raises
    ------
    SpecInvError
        If librosa is not installed.

    Examples
    --------
    >>> from torch_specinv.scales import chroma_scale
    >>> chroma_scale(16000, 1024).shape
    torch.Size([12, 513])
    """
    return _matrix(_librosa_filters().chroma(sr=sr, n_fft=n_fft, n_chroma=n_chroma))


def _librosa_filters() -> Any:
    try:
        import librosa.filters
    except ImportError as error:
        raise SpecInvError(
            "filter banks are librosa's: python -m pip install librosa, or pass a matrix."
        ) from error
    return librosa.filters


def _matrix(bank: Any) -> Tensor:
    return torch.from_numpy(np.asarray(bank, np.float32))
