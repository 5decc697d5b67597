"""Filter banks: matrices (bands, bins) that add up bins to bands. Mel and chroma are librosa's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import SpecInvError, check_switch, read_number, shown
from .frequencies import check_size, read_range
from .sizes import bin_count


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
        If a number is not what it should be, or librosa is not installed.

    Examples
    --------
    >>> from torch_specinv.transform.filter_banks import mel_scale
    >>> mel_scale(16000, 1024).shape
    torch.Size([80, 513])
    """
    check_size(sr, n_fft, n_mels, "n_mels")
    fmin, fmax = read_range(sr, fmin, fmax)
    check_switch("htk", htk)
    check_norm(norm)
    filters = _librosa_filters()
    return _matrix(
        filters.mel(sr=sr, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax, htk=htk, norm=norm)
    )


def check_norm(norm: Any) -> None:
    """Raise unless bands are divided by their width, or by nothing."""
    if norm is not None and not (isinstance(norm, str) and norm == "slaney"):
        raise SpecInvError(f"norm={shown(norm)}: expected 'slaney' or None.")


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
        If a number is not what it should be, or librosa is not installed.

    Examples
    --------
    >>> from torch_specinv.transform.filter_banks import chroma_scale
    >>> chroma_scale(16000, 1024).shape
    torch.Size([12, 513])
    """
    check_size(sr, n_fft, n_chroma, "n_chroma")
    return _matrix(_librosa_filters().chroma(sr=sr, n_fft=n_fft, n_chroma=n_chroma))


def bark_scale(sr: int, n_fft: int, n_bands: int = 24, *, fmax: float | None = None) -> Tensor:
    r"""Return triangles that lie evenly on the Bark scale.

    .. math:: z = 26.81 \, f / (1960 + f) - 0.53

    Parameters
    ----------
    sr, n_fft, n_bands : int
        Sample rate in Hz, length of the transform, number of bands.
    fmax : float, optional
        Upper edge of the highest band in Hz. Default: half the sample rate.

    Returns
    -------
    Tensor
        Shape (n_bands, n_fft // 2 + 1), float32, with maxima of 1.

    Raises
    ------
    SpecInvError
        If a number is not what it should be.

    References
    ----------
    Traunmüller: "Analytical expressions for the tonotopic sensory scale", 1990.

    Examples
    --------
    >>> from torch_specinv.transform.filter_banks import bark_scale
    >>> bark_scale(16000, 1024).shape
    torch.Size([24, 513])
    """
    return _triangles(
        sr, n_fft, n_bands, fmax, lambda f: 26.81 * f / (1960 + f), lambda z: 1960 * z / (26.81 - z)
    )


def erb_scale(sr: int, n_fft: int, n_bands: int = 32, *, fmax: float | None = None) -> Tensor:
    r"""Return triangles that lie evenly on the scale of equivalent rectangular bandwidths.

    .. math:: e = 21.4 \, \log_{10} (1 + 0.00437 \, f)

    Parameters
    ----------
    sr, n_fft, n_bands : int
        Sample rate in Hz, length of the transform, number of bands.
    fmax : float, optional
        Upper edge of the highest band in Hz. Default: half the sample rate.

    Returns
    -------
    Tensor
        Shape (n_bands, n_fft // 2 + 1), float32, with maxima of 1.

    Raises
    ------
    SpecInvError
        If a number is not what it should be.

    References
    ----------
    Glasberg, Moore: "Derivation of auditory filter shapes from notched-noise data", 1990.

    Examples
    --------
    >>> from torch_specinv.transform.filter_banks import erb_scale
    >>> erb_scale(16000, 1024).shape
    torch.Size([32, 513])
    """
    return _triangles(
        sr, n_fft, n_bands, fmax,
        lambda f: np.log10(1 + 0.00437 * f), lambda e: (10**e - 1) / 0.00437,
    )  # fmt: skip


def third_octave_scale(sr: int, n_fft: int, *, fmin: float = 25.0) -> Tensor:
    """Return bands of a third of an octave. A bin at an edge is divided between two bands.

    Parameters
    ----------
    sr, n_fft : int
        Sample rate in Hz, length of the transform.
    fmin : float, default 25.0
        The lowest centre frequency of a band, in Hz.

    Returns
    -------
    Tensor
        Shape (bands, n_fft // 2 + 1), float32, from 0 to 1: the share of each bin that lies in
        each band. There are as many bands as lie below half the sample rate.

    Raises
    ------
    SpecInvError
        If a number is not what it should be.

    References
    ----------
    IEC 61260-1:2014, with the ratio of 10 to 3/10 for an octave.

    Examples
    --------
    >>> from torch_specinv.transform.filter_banks import third_octave_scale
    >>> third_octave_scale(16000, 1024).shape
    torch.Size([25, 513])
    """
    check_size(sr, n_fft, 1, "bands")
    if not 0 < read_number(fmin) < sr / 2:
        raise SpecInvError(f"fmin={shown(fmin)}: expected a frequency below {sr / 2:g} Hz.")
    # nominal frequencies, such as 200 Hz for 199.5 Hz, are up to 3 % away from exact ones
    first = np.ceil(10 * np.log10(fmin / 1000 / 1.03))
    last = np.floor(10 * (np.log10(sr / 2000) - 0.05) + 1e-9)
    if last < first:
        raise SpecInvError(f"fmin={fmin!r}: no band fits between it and {sr / 2:g} Hz.")
    centres = 1000 * 10 ** (np.arange(first, last + 1) / 10)
    low, high = centres[:, None] * 10**-0.05, centres[:, None] * 10**0.05
    bins, width = _frequencies(sr, n_fft), sr / n_fft
    inside = np.minimum(bins + width / 2, high) - np.maximum(bins - width / 2, low)
    return _matrix(np.clip(inside / width, 0, 1))


def _triangles(
    sr: int,
    n_fft: int,
    n_bands: int,
    fmax: float | None,
    scale: Callable[[Any], Any],
    frequency: Callable[[Any], Any],
) -> Tensor:
    """Return triangles that each begin and end in the middle of their neighbours."""
    check_size(sr, n_fft, n_bands, "n_bands")
    _, fmax = read_range(sr, 0, fmax)
    edges = frequency(np.linspace(scale(0.0), scale(fmax), n_bands + 2))[:, None]
    bins = _frequencies(sr, n_fft)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return _matrix(np.clip(np.minimum(rising, falling), 0, None))


def _frequencies(sr: int, n_fft: int) -> Any:
    """Return the frequencies of the bins in Hz."""
    return np.arange(bin_count(n_fft)) * (sr / n_fft)


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
