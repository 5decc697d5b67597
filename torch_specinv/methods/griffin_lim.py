"""Griffin-Lim and fast Griffin-Lim as a function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import torch
from torch import Tensor

from ..inversion.invert import invert
from ..metrics import Metric
from ..solve.loop import Callback
from ..transform.geometry import STFTKeywords, check_stft_kwargs


def griffin_lim(
    spec: Tensor,
    max_iter: int = 200,
    tol: float = 1e-6,
    alpha: float | Tensor = 0.99,
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
    r"""Reconstruct a waveform by (fast) Griffin-Lim.

    .. math:: t_k = A^+ P_S(A y_{k-1}), \qquad y_k = t_k + \alpha (t_k - t_{k-1})

    with :math:`A` the STFT, :math:`A^+` its exact least-squares inverse and :math:`P_S` the
    projection that keeps each bin's phase and sets its magnitude to :math:`S`.

    Parameters
    ----------
    spec : Tensor
        Shape (..., bins, frames), any floating or complex dtype, any device. Real: the magnitude
        :math:`S \ge 0`. Complex: the magnitude together with the phase to start from.
    max_iter : int, default 200
        Most iterations; one is an analysis and a synthesis.
    tol : float, default 1e-6
        An item stops once its squared error changes, from one evaluation to the next, by less
        than `tol` times its first value; 0 never stops early.
    alpha : float or Tensor, default 0.99
        Momentum, at least 0. 0 is plain Griffin-Lim; values above 1 stall.
    verbose : bool, default True
        Show a progress bar.
    eva_iter : int, default 10
        Iterations between evaluations.
    metric : str, callable, or a sequence of them, default "sc"
        What the progress bar shows; see :mod:`torch_specinv.metrics`.
    init : str or Tensor, optional
        The starting phase: "spsi" (default), "pghi", "zero" or "random", a complex spectrum, or a
        real phase in radians of the shape of `spec`.
    length : int, optional
        Samples of the waveform. Default: the fewest that have as many frames as `spec`.
    lengths : Tensor or sequence of int, optional
        For a padded batch of different lengths: samples of each item's waveform.
    generator : torch.Generator, optional
        For "random" phases; the same seed gives the same result.
    callback : callable, optional
        Called with a :class:`torch_specinv.Report` at each evaluation; a true answer stops.
    backend : str, default "auto"
        The engine; the result does not depend on it. See :func:`torch_specinv.invert`.
    checkpoint : int, optional
        Keep only every so many iterations for the gradient; see :func:`torch_specinv.invert`.
    **stft_kwargs
        The keywords of :func:`torch.stft` with its defaults: n_fft (needed only when odd),
        hop_length, win_length, window, center, pad_mode, normalized, onesided.

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
    - Griffin, Lim: "Signal estimation from modified short-time Fourier transform", 1984.
    - Perraudin, Balazs, Søndergaard: "A fast Griffin-Lim algorithm", 2013.

    See Also
    --------
    torch_specinv.invert : The same, with history and status of each item.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv import griffin_lim
    >>> wave = torch.sin(0.2 * torch.arange(4096))
    >>> window = torch.hann_window(512)
    >>> magnitude = torch.stft(wave, 512, window=window, return_complex=True).abs()
    >>> griffin_lim(magnitude, 32, window=window, verbose=False).shape
    torch.Size([4096])
    """
    check_stft_kwargs(griffin_lim, stft_kwargs)
    return invert(
        spec,
        "griffin_lim",
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
        alpha=alpha,
        **stft_kwargs,
    ).wave
