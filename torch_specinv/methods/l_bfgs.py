"""L-BFGS over any differentiable transform as a function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..inversion.by_length import solve_by_length
from ..inversion.invert_transform import invert_transform
from ..inversion.opaque import opaque
from ..metrics import Metric
from ..optimize.transform_problem import Loss, Transform
from ..solve.callback import Callback
from ..tensors import Numbers
from ..transform.stft import STFT


@opaque
def L_BFGS(
    spec: Numbers,
    transform_fn: Transform,
    samples: int | tuple[int, ...] | None = None,
    init_x0: Numbers | None = None,
    outer_max_iter: int = 1000,
    tol: float = 1e-6,
    verbose: bool = True,
    eva_iter: int = 10,
    metric: str | Metric | Sequence[str | Metric] = "sc",
    *,
    loss_fn: Loss | None = None,
    lengths: Numbers | None = None,
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
    `lbfgs_kwargs` holds more than history_size; then a :class:`torch.optim.LBFGS` with these
    settings solves one item after the other, and an iteration is one call of its step, which
    evaluates up to 25 times by its defaults.

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
        The most iterations to make.
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
        For a batch it is mapped over the items, unless it returns one value per item itself.
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
    >>> noise = torch.Generator().manual_seed(0)
    >>> wave = L_BFGS(
    ...     spec, log_magnitude, 2048, outer_max_iter=100, generator=noise, verbose=False
    ... )
    >>> float((log_magnitude(wave) - spec).norm() / spec.norm()) < 0.2
    True
    """

    def solve(
        spec: Numbers, samples: Any, start: Numbers | None, callback: Callback | None, **more: Any
    ) -> Tensor:
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
            **more,
            **lbfgs_kwargs,
        ).wave

    if lengths is None:
        return solve(spec, samples, init_x0, callback)
    if isinstance(transform_fn, STFT):
        return solve(spec, samples, init_x0, callback, lengths=lengths)
    return solve_by_length(solve, spec, transform_fn, lengths, init_x0, generator, callback)
