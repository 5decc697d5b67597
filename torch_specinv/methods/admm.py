"""The alternating direction method of multipliers as a function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import torch
from torch import Tensor

from ..inversion.invert import invert
from ..metrics import Metric
from ..solve.loop import Callback
from ..transform.geometry import STFTKeywords, check_stft_kwargs


def ADMM(
    spec: Tensor,
    max_iter: int = 1000,
    tol: float = 1e-6,
    rho: float | Tensor = 0.1,
    verbose: bool = True,
    eva_iter: int = 10,
    metric: str | Metric | Sequence[str | Metric] = "sc",
    *,
    init: str | Tensor | None = None,
    length: int | None = None,
    lengths: Tensor | Sequence[int] | None = None,
    generator: torch.Generator | None = None,
    callback: Callback | None = None,
    backend: str = "auto",
    checkpoint: int | None = None,
    **stft_kwargs: Unpack[STFTKeywords],
) -> Tensor:
    r"""Reconstruct a waveform by the alternating direction method of multipliers.

    .. math::

        X \leftarrow P_S(Z - U), \qquad
        Z \leftarrow \frac{\rho (X + U) + P_C(X + U)}{1 + \rho}, \qquad
        U \leftarrow X + U - Z

    with :math:`P_S` the projection on the magnitude and :math:`P_C = A A^+` that on the spectra
    of waveforms; the result is :math:`A^+ X`. It escapes local minima that hold Griffin-Lim.

    Parameters
    ----------
    spec : Tensor
        Shape (..., bins, frames), any floating or complex dtype, any device. Real: the magnitude
        :math:`S \ge 0`. Complex: the magnitude together with the phase to start from.
    max_iter : int, default 1000
        Most iterations; one is an analysis and a synthesis.
    tol : float, default 1e-6
        An item stops once its squared error changes, from one evaluation to the next, by less
        than `tol` times its first value; 0 never stops early.
    rho : float or Tensor, default 0.1
        How much inconsistency is allowed, at least 0. Prefer 0.5 to 1 for noisy magnitudes.
    verbose : bool, default True
        Show a progress bar.
    eva_iter : int, default 10
        Iterations between evaluations.
    metric : str, callable, or a sequence of them, default "sc"
        What the progress bar shows; see :mod:`torch_specinv.metrics`.
    init, length, lengths, generator, callback, backend, checkpoint
        See :func:`torch_specinv.invert`.
    **stft_kwargs
        The keywords of :func:`torch.stft` with its defaults.

    Returns
    -------
    Tensor
        The waveforms (..., samples) in the dtype and on the device of `spec`: the best iterate.

    Raises
    ------
    SpecInvError
        If an argument is not what it should be; before any work is done.

    References
    ----------
    - Masuyama, Yatabe, Oikawa: "Griffin-Lim like phase recovery via alternating direction method
      of multipliers", 2019.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv import ADMM
    >>> wave = torch.sin(0.2 * torch.arange(4096))
    >>> window = torch.hann_window(512)
    >>> magnitude = torch.stft(wave, 512, window=window, return_complex=True).abs()
    >>> ADMM(magnitude, 32, rho=0.1, window=window, verbose=False).shape
    torch.Size([4096])
    """
    check_stft_kwargs(ADMM, stft_kwargs)
    return invert(
        spec,
        "admm",
        init=init,
        max_iter=max_iter,
        tol=tol,
        eva_iter=eva_iter,
        metric=metric,
        verbose=verbose,
        length=length,
        lengths=lengths,
        generator=generator,
        callback=callback,
        backend=backend,
        checkpoint=checkpoint,
        rho=rho,
        **stft_kwargs,
    ).wave
