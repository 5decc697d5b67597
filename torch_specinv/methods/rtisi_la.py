"""Real-time iterative spectrogram inversion with look-ahead as a function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from torch import Tensor

from ..inversion.invert import invert
from ..inversion.settings import Common, method
from ..metrics import Metric
from ..tensors import Numbers


@method()
def RTISI_LA(
    spec: Numbers,
    look_ahead: int = -1,
    asymmetric_window: bool = False,
    max_iter: int = 25,
    alpha: float | Tensor = 0.99,
    verbose: bool = True,
    *,
    eva_iter: int = 10,
    metric: str | Metric | Sequence[str | Metric] = "sc",
    **common: Unpack[Common],
) -> Tensor:
    r"""Reconstruct a waveform frame by frame: real-time iterative inversion with look-ahead.

    Each new frame joins a few active ones, whose phases are iterated with the finished frames
    held fixed; then the oldest active frame is finished. With :math:`B` the committed frames
    overlap-added and :math:`D` the envelope of committed and active frames, an iteration is

    .. math:: y \leftarrow D^{-1} \bigl( B + \sum_m W_m F^{-1} P_S(F W_m y) \bigr)

    with momentum `alpha` on :math:`y`. For frames that arrive one at a time, use
    :class:`torch_specinv.online.RTISI`, which this function drives.

    Parameters
    ----------
    spec : Tensor
        Shape (..., bins, frames), real and not negative, any floating dtype, any device.
    look_ahead : int, default -1
        Frames after a frame that are known when it is finished; -1 means
        (win_length - 1) // hop_length, 0 is RTISI.
    asymmetric_window : bool, default False
        Whether the first guess of a new frame makes up for the samples that later frames will
        fill: what is there is divided by the envelope so far, not by the whole one.
    max_iter : int, default 25
        Iterations for each new frame.
    alpha : float or Tensor, default 0.99
        Momentum, at least 0; 0 is the method of the paper.
    verbose : bool, default True
        Show a progress bar, which counts frames.
    eva_iter : int, default 10
        Frames between evaluations (more for long inputs: each looks at the whole).
    {metric}
    {keywords}

    Returns
    -------
    Tensor
        The waveforms (..., samples) in the dtype and on the device of `spec`.

    Raises
    ------
    SpecInvError
        If an argument is not what it should be, for example a complex `spec`.

    References
    ----------
    - Zhu, Beauregard, Wyse: "Real-time signal estimation from modified short-time Fourier
      transform magnitude spectra", 2007.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv import RTISI_LA
    >>> wave = torch.sin(0.2 * torch.arange(4096))
    >>> window = torch.hann_window(512)
    >>> magnitude = torch.stft(wave, 512, window=window, return_complex=True).abs()
    >>> RTISI_LA(magnitude, look_ahead=3, max_iter=8, window=window, verbose=False).shape
    torch.Size([4096])
    """
    return invert(
        spec, "rtisi_la", max_iter=max_iter, eva_iter=eva_iter, metric=metric, verbose=verbose,
        look_ahead=look_ahead, asymmetric_window=asymmetric_window, alpha=alpha, **common,
    ).wave  # fmt: skip
