"""The documented functions: a spectrogram in, a waveform out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import torch
from torch import Tensor

from .geometry import STFTKeywords
from .gradient.transform import Loss, Transform
from .inverting import invert
from .inverting_transforms import invert_transform, solve_by_length
from .metrics import Metric
from .phase import PHASES, check_generator, initial_spectrum
from .solve.loop import Callback
from .stft import STFT

__all__ = ["ADMM", "L_BFGS", "RTISI_LA", "griffin_lim", "invert", "invert_transform", "phase_init"]


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
        The starting phase: "spsi" (default), "zero", "random", a complex spectrum, or a real
        phase in radians of the shape of `spec`.
    length : int, optional
        Samples of the waveform. Default: the fewest that have as many frames as `spec`.
    lengths : Tensor or sequence of int, optional
        For a padded batch of different lengths: samples of each item's waveform.
    generator : torch.Generator, optional
        For "random" phases; the same seed gives the same result.
    callback : callable, optional
        Called with a :class:`torch_specinv.Report` at each evaluation; a true answer stops.
    backend : str, default "auto"
        The engine: "auto" or "torch". The result does not depend on it.
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


def RTISI_LA(
    spec: Tensor,
    look_ahead: int = -1,
    asymmetric_window: bool = False,
    max_iter: int = 25,
    alpha: float | Tensor = 0.99,
    verbose: bool = True,
    *,
    eva_iter: int = 10,
    metric: str | Metric | Sequence[str | Metric] = "sc",
    length: int | None = None,
    lengths: Tensor | Sequence[int] | None = None,
    callback: Callback | None = None,
    checkpoint: int | None = None,
    **stft_kwargs: Unpack[STFTKeywords],
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
    metric : str, callable, or a sequence of them, default "sc"
        What the progress bar shows; see :mod:`torch_specinv.metrics`.
    length, lengths, callback, checkpoint
        See :func:`torch_specinv.invert`.
    **stft_kwargs
        The keywords of :func:`torch.stft` with its defaults.

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
        spec,
        "rtisi_la",
        max_iter=max_iter,
        eva_iter=eva_iter,
        metric=metric,
        verbose=verbose,
        length=length,
        lengths=lengths,
        callback=callback,
        checkpoint=checkpoint,
        look_ahead=look_ahead,
        asymmetric_window=asymmetric_window,
        alpha=alpha,
        **stft_kwargs,
    ).wave


def L_BFGS(
    spec: Tensor,
    transform_fn: Transform,
    samples: int | tuple[int, ...] | None = None,
    init_x0: Tensor | None = None,
    outer_max_iter: int = 1000,
    tol: float = 1e-6,
    verbose: bool = True,
    eva_iter: int = 10,
    metric: str | Metric | Sequence[str | Metric] = "sc",
    *,
    loss_fn: Loss | None = None,
    lengths: Tensor | Sequence[int] | None = None,
    generator: torch.Generator | None = None,
    callback: Callback | None = None,
    checkpoint: int | None = None,
    **lbfgs_kwargs: Any,
) -> Tensor:
    r"""Reconstruct a waveform from any differentiable transform of it, by L-BFGS.

    .. math:: \min_x \ell(T(x), S)

    with :math:`T` the transform, :math:`S` what it gave and :math:`\ell` the loss. Mel, log-mel,
    CQT and multi-resolution spectra are transforms like any other.

    The items of a batch are solved together, in one call of the transform an evaluation, but
    each with its own curvature, step and stopping, so that it gets what it would get alone. That
    solver is our own: an iteration is one evaluation of transform and gradient, and a step that
    does not lower the loss enough is shortened, so the loss never rises. It is used unless
    `lbfgs_kwargs` holds more than history_size; then one item is solved by
    :class:`torch.optim.LBFGS` with these settings, and an iteration is one call of its step,
    which evaluates up to 25 times by its defaults.

    Parameters
    ----------
    spec : Tensor
        What was observed, any shape, floating or complex, of either sign.
    transform_fn : callable
        A differentiable function or module from a waveform to the shape of `spec`. With a
        :class:`torch_specinv.STFT` the objective is scaled so that it converges far faster.
    samples : int or tuple of int, optional
        The shape of the waveform. Leading dimensions that it shares with `spec` number the items
        of a batch. Default: that of `init_x0`, or else the fewest samples with as many frames as
        `spec`, if the transform behaves like an STFT.
    init_x0 : Tensor, optional
        The waveform to start from. Default: noise at the level with the least loss.
    outer_max_iter : int, default 1000
        Most iterations.
    tol : float, default 1e-6
        An item stops once its loss changes, from one evaluation to the next, by less than `tol`
        times its first value; 0 never stops early.
    verbose : bool, default True
        Show a progress bar.
    eva_iter : int, default 10
        Iterations between evaluations.
    metric : str, callable, or a sequence of them, default "sc"
        What the progress bar shows; see :mod:`torch_specinv.metrics`.
    loss_fn : callable, optional
        A function of (transform, spec) that returns a scalar. Default: the mean squared error.
        For a batch it is mapped over the items, unless it returns one value an item itself.
    lengths : Tensor or sequence of int, optional
        For a padded batch of different lengths: samples of each item's waveform. Items of one
        length are solved together, each as if alone.
    generator : torch.Generator, optional
        For the noise to start from.
    callback : callable, optional
        Called with a :class:`torch_specinv.Report` at each evaluation; a true answer stops.
    checkpoint : int, optional
        See :func:`torch_specinv.invert`.
    **lbfgs_kwargs
        Keywords of :class:`torch.optim.LBFGS`.

    Returns
    -------
    Tensor
        The waveform in the shape of `samples`, in the dtype and on the device of `spec`. Its
        gradient reaches `spec`, `init_x0` and the parameters of `transform_fn`.

    Raises
    ------
    SpecInvError
        If an argument is not what it should be, the transform does not fit or is not
        differentiable, or it is not finite at the start; before any iteration.

    References
    ----------
    - Decorsière, Søndergaard, MacDonald, Dau: "Inversion of auditory spectrograms, traditional
      spectrograms, and other envelope representations", 2015.
    - Nocedal: "Updating quasi-Newton matrices with limited storage", 1980.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv import L_BFGS
    >>> window = torch.hann_window(256)
    >>> def log_magnitude(wave):
    ...     return torch.stft(wave, 256, window=window, return_complex=True).abs().log1p()
    >>> spec = log_magnitude(torch.sin(0.2 * torch.arange(2048)))
    >>> wave = L_BFGS(spec, log_magnitude, 2048, outer_max_iter=100, verbose=False)
    >>> float((log_magnitude(wave) - spec).norm() / spec.norm()) < 0.2
    True
    """

    def solve(spec: Tensor, samples: Any, start: Tensor | None) -> Tensor:
        return invert_transform(
            spec,
            transform_fn,
            samples,
            start,
            loss_fn=loss_fn,
            outer_max_iter=outer_max_iter,
            tol=tol,
            eva_iter=eva_iter,
            metric=metric,
            verbose=verbose,
            generator=generator,
            callback=callback,
            checkpoint=checkpoint,
            **lbfgs_kwargs,
        ).wave

    if lengths is None:
        return solve(spec, samples, init_x0)
    return solve_by_length(solve, spec, transform_fn, lengths, init_x0)


def phase_init(
    spec: Tensor,
    *,
    method: str = "spsi",
    generator: torch.Generator | None = None,
    **stft_kwargs: Unpack[STFTKeywords],
) -> Tensor:
    """Give a magnitude spectrogram a first phase, without iterating.

    Parameters
    ----------
    spec : Tensor
        Shape (..., bins, frames), real and not negative; of a complex one the magnitude is taken.
    method : str, default "spsi"
        "spsi" (Single Pass Spectrogram Inversion: sinusoids followed through time), "random" or
        "zero".
    generator : torch.Generator, optional
        For "random"; the same seed gives the same phases.
    **stft_kwargs
        The keywords of :func:`torch.stft` with its defaults.

    Returns
    -------
    Tensor
        Complex, of the shape of `spec`: the magnitude with the phase. float16 and bfloat16 give
        complex64.

    Raises
    ------
    SpecInvError
        If an argument is not what it should be.

    References
    ----------
    - Beauregard, Harish, Wyse: "Single pass spectrogram inversion", 2015.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv import phase_init
    >>> magnitude = torch.rand(257, 20, generator=torch.manual_seed(0))
    >>> spectrum = phase_init(magnitude, window=torch.hann_window(512))
    >>> torch.allclose(spectrum.abs(), magnitude)
    True
    """
    PHASES.named(method, "method")
    check_generator(generator)
    stft = STFT.of(spec, **stft_kwargs)
    magnitude = spec.abs().reshape(-1, *spec.shape[-2:])
    if magnitude.dtype in (torch.float16, torch.bfloat16):
        magnitude = magnitude.float()
    return initial_spectrum(magnitude, stft, method, generator).reshape(spec.shape)
