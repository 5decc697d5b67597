"""Cepstral coefficients, back to the mel spectrogram that they describe."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..checks import check_finite, compute_dtype
from ..errors import SpecInvError, check_count, check_not_negative
from ..tensors import Numbers, as_tensor
from ..transform.product import product


def mfcc_to_mel(mfcc: Numbers, n_mels: int = 128, *, lifter: float = 0.0) -> Tensor:
    r"""Return the logarithmic mel spectrogram that has these cepstral coefficients.

    .. math:: L_b = \sum_k s_k \, C_k \cos \frac{\pi k (2 b + 1)}{2 N} , \qquad
              s_0 = \sqrt{1 / N} , \; s_k = \sqrt{2 / N}

    This is the inverse of the orthonormal cosine transform in librosa and torchaudio. The result
    has their unit: dB of a power mel spectrogram by their defaults. Coefficients that were left
    out count as 0, so that all detail finer than :math:`2 N / K` bands is lost. That is where the
    harmonics of a voice are, so its pitch is lost too. With K = N nothing is lost.

    Parameters
    ----------
    mfcc : Tensor
        Coefficients, shape (..., K, frames).
    n_mels : int, default 128
        Bands N of the mel spectrogram under them: 128 in librosa and torchaudio.
    lifter : float, default 0.0
        librosa's `lifter`, which weighed coefficients by
        :math:`1 + \frac{l}{2} \sin \frac{\pi (k + 1)}{l}`; 0 for none.

    Returns
    -------
    Tensor
        Shape (..., n_mels, frames), in the dtype and on the device of `mfcc`.

    Raises
    ------
    SpecInvError
        If there are more coefficients than bands, or the weights of the lifter can't be undone.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv import mel_to_audio
    >>> from torch_specinv.mel import mfcc_to_mel
    >>> mfcc = torch.randn(20, 30, generator=torch.manual_seed(0))
    >>> mel = mfcc_to_mel(mfcc)  # of librosa.feature.mfcc(sr=22050)
    >>> wave = mel_to_audio(mel, 22050, n_fft=2048, power=2, log="dB", verbose=False)
    >>> wave.shape
    torch.Size([14848])
    """
    mfcc = as_tensor(mfcc, "mfcc")
    n_mels = check_count("n_mels", n_mels)
    check_not_negative("lifter", lifter)
    if mfcc.is_complex() or mfcc.ndim < 2 or not 0 < mfcc.shape[-2] <= n_mels or mfcc.numel() == 0:
        raise SpecInvError(
            f"mfcc has shape {tuple(mfcc.shape)} and dtype {mfcc.dtype}: expected real "
            f"(..., coefficients, frames) with at most n_mels={n_mels} coefficients. Transposed?"
        )
    check_finite(mfcc, "mfcc")
    dtype = compute_dtype(mfcc.dtype)
    number = torch.arange(mfcc.shape[-2], dtype=torch.float64, device="cpu")
    weight = torch.full_like(number, math.sqrt(2 / n_mels))
    weight[0] = math.sqrt(1 / n_mels)
    if lifter:
        lift = 1 + lifter / 2 * torch.sin(math.pi * (number + 1) / lifter)
        if bool((lift.abs() < 1e-6).any()):
            raise SpecInvError(f"lifter={lifter}: it made some coefficients 0, which are lost.")
        weight = weight / lift
    band = torch.arange(n_mels, dtype=torch.float64, device="cpu")
    matrix = weight * torch.cos(math.pi * number * (2 * band[:, None] + 1) / (2 * n_mels))
    return product(matrix.to(mfcc.device, dtype), mfcc.to(dtype)).to(mfcc.dtype)
