"""Any loss of any transform of two signals."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import SpecInvError
from ..tensors import as_tensor
from ..transform.callables import Loss, Transform
from .common import check_pair
from .docstrings import documented
from .module import module_of


@documented
def time_frequency_loss(
    x: Tensor,
    y: Tensor,
    transform_fn: Transform,
    loss_fn: Loss | Sequence[Loss],
    scale_fn: Transform | Sequence[Transform] | None = None,
    weights: Sequence[float] | Tensor | None = None,
) -> Tensor:
    r"""Weighted sum of losses between scaled transforms of two signals.

    .. math:: \sum_i w_i \, \ell_i\bigl( s_i(T x), s_i(T y) \bigr)

    Parameters
    ----------
    x, y : Tensor
        Estimate and target, as the transform takes them: usually (..., samples).
    transform_fn : callable
        :math:`T`, applied once to each signal.
    loss_fn : callable or sequence of callable
        :math:`\ell_i`, functions of two transforms.
    scale_fn : callable or sequence of callable, optional
        :math:`s_i`, as many as losses: logarithms, mel scales, weights. One for all losses is
        allowed. Default: none.
    weights : sequence of float or Tensor, optional
        :math:`w_i`, as many as losses. Default: equal ones that add up to 1.

    Returns
    -------
    Tensor
        The loss, shaped as the losses are.

    Raises
    ------
    SpecInvError
        If the numbers of losses, scales and weights differ, or something is not a function.

    Examples
    --------
    A linear and a logarithmic distance of power spectrograms:

    >>> from functools import partial
    >>> import torch
    >>> from torch_specinv import STFT
    >>> from torch_specinv.losses import elementwise_loss, time_frequency_loss
    >>> x, y = torch.randn(2, 3, 4000, generator=torch.manual_seed(0))
    >>> stft = STFT.of_wave(x, n_fft=512, window=torch.hann_window(512))
    >>> loss = time_frequency_loss(
    ...     x, y, stft, [elementwise_loss, partial(elementwise_loss, metric="L2")],
    ...     [torch.square, torch.log1p], weights=[1.0, 0.1],
    ... )
    >>> bool(loss > 0), loss.shape
    (True, torch.Size([]))
    """
    x, y = check_pair(x, y, 1, "samples", real=False)
    for name, value in (("loss_fn", loss_fn), ("scale_fn", scale_fn), ("weights", weights)):
        if value is not None and not callable(value) and not hasattr(value, "__len__"):
            raise SpecInvError(f"{name}={value!r}: expected a sequence, or one function.")
    if loss_fn is None:  # pyright: ignore[reportUnnecessaryComparison]
        raise SpecInvError("loss_fn is None: expected a function of two transforms.")
    if isinstance(weights, Tensor):
        weights = as_tensor(weights, "weights")
    if isinstance(weights, Tensor) and weights.ndim != 1:
        raise SpecInvError(f"weights has shape {tuple(weights.shape)}: expected (losses,).")
    losses = [loss_fn] if callable(loss_fn) else list(loss_fn)
    if scale_fn is None:
        scales: list[Transform] = [_same] * len(losses)
    else:
        scales = [scale_fn] * len(losses) if callable(scale_fn) else list(scale_fn)
    shares = [1 / max(len(losses), 1)] * len(losses) if weights is None else list(weights)
    if not losses or not len(losses) == len(scales) == len(shares):
        raise SpecInvError(
            f"{len(losses)} losses, {len(scales)} scales, {len(shares)} weights: expected one "
            "scale and one weight for each loss."
        )
    for name, functions in (
        ("transform_fn", [transform_fn]),
        ("loss_fn", losses),
        ("scale_fn", scales),
    ):
        for function in functions:
            if not callable(function):
                raise SpecInvError(f"{name} has {function!r}: expected a function.")
    a, b = transform_fn(x), transform_fn(y)
    values = [
        weight * torch.as_tensor(loss(scale(a), scale(b)), device=x.device)
        for loss, scale, weight in zip(losses, scales, shares, strict=True)
    ]
    return torch.stack(values).sum(0)


class TimeFrequencyLoss(module_of(time_frequency_loss)):
    """:func:`time_frequency_loss` as a module.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import ElementwiseLoss, TimeFrequencyLoss
    >>> loss = TimeFrequencyLoss(transform_fn=torch.fft.rfft, loss_fn=ElementwiseLoss(dims=1))
    >>> bool(loss(torch.zeros(8), torch.ones(8)) > 0)
    True
    """


def _same(x: Tensor) -> Tensor:
    return x
