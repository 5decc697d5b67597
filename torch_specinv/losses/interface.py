"""Any loss of any transform of two signals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from ..errors import SpecInvError, check_function, check_number, shown
from ..tensors import any_tensor, as_tensor
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
    check_function("transform_fn", transform_fn)
    losses = _functions("loss_fn", loss_fn, 1)
    scales = _functions("scale_fn", _same if scale_fn is None else scale_fn, len(losses))
    shares = _shares(weights, len(losses))
    if not len(losses) == len(scales) == len(shares):
        raise SpecInvError(
            f"loss_fn has {len(losses)} items, scale_fn {len(scales)}, weights {len(shares)}: "
            "expected one scale and one weight for each loss."
        )
    a, b = transform_fn(x), transform_fn(y)
    values = [
        weight * torch.as_tensor(loss(scale(a), scale(b)), device=x.device)
        for loss, scale, weight in zip(losses, scales, shares, strict=True)
    ]
    return torch.stack(values).sum(0)


def _functions(name: str, given: Any, count: int) -> list[Any]:
    """Return a sequence of functions as a list; one alone stands for so many."""
    if callable(given):
        return [given] * count
    if not isinstance(given, (list, tuple)) or not given:
        raise SpecInvError(f"{name}={shown(given)}: expected a function, or a list of functions.")
    functions = list(cast(Sequence[Any], given))
    for function in functions:
        check_function(name, function, "functions only")
    return functions


def _shares(weights: Any, count: int) -> list[Any]:
    """Return weights as a list, equal ones by default."""
    if weights is None:
        return [1 / count] * count
    if isinstance(weights, (Tensor, np.ndarray)):
        weights = any_tensor(weights, "weights")
        if weights.is_floating_point():
            weights = as_tensor(weights, "weights")
    array = isinstance(weights, Tensor) and weights.ndim == 1
    if not array and not isinstance(weights, (list, tuple)):
        raise SpecInvError(f"weights={shown(weights)}: expected a number for each loss.")
    for weight in weights:
        check_number("weights", weight)
    return list(weights)


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
