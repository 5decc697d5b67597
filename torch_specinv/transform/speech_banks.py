r"""The mel filter banks of speech recognition: Kaldi's, HTK's and that of python_speech_features.

All lie evenly on :math:`1127 \ln(1 + f / 700)`. What differs from librosa's is the triangles: those
of Kaldi and HTK are straight on the mel scale, not in Hz, and those of python_speech_features have
corners at whole bins. None is divided by its width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import check_choice
from .frequencies import check_size, read_range
from .sizes import bin_count


def speech_scale(
    filters: str, sr: int, n_fft: int, n_mels: int, *, fmin: float = 0.0, fmax: float | None = None
) -> Tensor:
    r"""Return the mel filter bank of a toolkit of speech recognition.

    .. math:: B_{bk} = \max \Bigl( 0, \min \Bigl(
        \frac{m_k - e_b}{e_{b+1} - e_b}, \frac{e_{b+2} - m_k}{e_{b+2} - e_{b+1}} \Bigr) \Bigr)

    with the edges :math:`e` and the place :math:`m_k` of bin k, both on the mel scale or, for
    python_speech_features, in bins, with edges that are rounded down.

    Parameters
    ----------
    filters : str
        "kaldi": without the bin at half the sample rate. "htk": that of HCopy, without the lowest
        bin as well, and without those nearest to `fmin` and `fmax` where these are given.
        "python_speech_features".
    sr, n_fft, n_mels : int
        Sample rate in Hz, length of the transform, number of bands.
    fmin : float, default 0.0
        Lower edge of the lowest band in Hz. Kaldi's own default is 20.
    fmax : float, optional
        Upper edge of the highest band in Hz. Default: half the sample rate. What Kaldi writes as
        ``high_freq=-400`` is ``sr / 2 - 400`` here.

    Returns
    -------
    Tensor
        Shape (n_mels, n_fft // 2 + 1), float64, with maxima of at most 1.

    Raises
    ------
    SpecInvError
        If a number is not what it should be, or there is no such bank.

    References
    ----------
    Povey and others: "The Kaldi speech recognition toolkit", 2011, and ``get_mel_banks`` of
    torchaudio.compliance.kaldi; Young and others: "The HTK book", 5.6, and HSigP.c;
    github.com/jameslyons/python_speech_features, base.py.

    Examples
    --------
    >>> from torch_specinv.transform.speech_banks import speech_scale
    >>> speech_scale("kaldi", 16000, 512, 80, fmin=20).shape
    torch.Size([80, 257])
    """
    make = BANKS[check_choice("filters", filters, BANKS)]
    check_size(sr, n_fft, n_mels, "n_mels")
    return torch.from_numpy(make(sr, n_fft, n_mels, *read_range(sr, fmin, fmax)))


def _kaldi(sr: int, n_fft: int, n_mels: int, fmin: float, fmax: float) -> Any:
    place = np.arange(bin_count(n_fft))
    edges = np.linspace(_mel(fmin), _mel(fmax), n_mels + 2)
    return _triangles(edges, _mel(place * (sr / n_fft))) * (place < n_fft // 2)


def _htk(sr: int, n_fft: int, n_mels: int, fmin: float, fmax: float) -> Any:
    place = np.arange(bin_count(n_fft))
    lowest = int(fmin * n_fft / sr + 1.5) if fmin else 1
    highest = n_fft // 2 - 1
    if fmax < sr / 2:
        highest = int(fmax * n_fft / sr + 0.5) - 1
    inside = (place >= lowest) & (place <= highest)
    return _kaldi(sr, n_fft, n_mels, fmin, fmax) * inside


def _whole_bins(sr: int, n_fft: int, n_mels: int, fmin: float, fmax: float) -> Any:
    # rounded down: so these are the formulas of the source, which round as they do
    low, high = 2595 * np.log10(1 + np.array([fmin, fmax]) / 700.0)
    hertz = 700 * (10 ** (np.linspace(low, high, n_mels + 2) / 2595.0) - 1)
    return _triangles(np.floor((n_fft + 1) * hertz / sr), np.arange(bin_count(n_fft)))


#: The banks by name: functions of sr, n_fft, n_mels, fmin and fmax.
BANKS: dict[str, Callable[[int, int, int, float, float], Any]] = {
    "kaldi": _kaldi,
    "htk": _htk,
    "python_speech_features": _whole_bins,
}


def _mel(hertz: Any) -> Any:
    return 1127 * np.log1p(np.asarray(hertz, np.float64) / 700)


def _triangles(edges: Any, place: Any) -> Any:
    """Return triangles (bands, bins) between each edge and the next but one.

    Where two edges are equal the side between them has no bins.
    """
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (place - left) / np.where(centre > left, centre - left, 1)
    falling = (right - place) / np.where(right > centre, right - centre, 1)
    return np.where(place < centre, np.clip(rising, 0, None), np.clip(falling, 0, None))
