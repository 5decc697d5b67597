"""Losses between waveforms: the energy of the error, and log cosh of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

from .common import check_pair, reduce
from .docstrings import documented
from .module import module_of

# Up to this square the series of log cosh is exact to nine digits.
_SERIES = 0.0625


@documented
def esr_loss(
    x: Tensor,
    y: Tensor,
    *,
    weighting: Callable[[Tensor], Tensor] | None = None,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    r"""Error-to-signal ratio.

    .. math:: \frac{\sum_n (y_n - x_n)^2}{\sum_n y_n^2 + \epsilon}

    Parameters
    ----------
    {waves}
    weighting : callable, optional
        Applied to both first, such as a :class:`FIRFilter`.
    eps : float, default 1e-8
        :math:`\epsilon`, an energy.
    {reduction}

    Returns
    -------
    {loss}

    Raises
    ------
    {refused}

    References
    ----------
    {wright_2019}

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import esr_loss
    >>> y = torch.ones(2, 100)
    >>> esr_loss(0.9 * y, y)
    tensor(0.0100)
    """
    x, y = check_pair(x, y, 1, "samples")
    if weighting is not None:
        x, y = weighting(x), weighting(y)
    return reduce((y - x).square().sum(-1) / (y.square().sum(-1) + eps), reduction)


class ESRLoss(module_of(esr_loss)):
    """:func:`esr_loss` as a module.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import ESRLoss, FIRFilter
    >>> loss = ESRLoss(weighting=FIRFilter("highpass"))
    >>> loss(torch.zeros(3, 100), torch.ones(3, 100))
    tensor(1.)
    """


@documented
def dc_loss(x: Tensor, y: Tensor, *, eps: float = 1e-8, reduction: str = "mean") -> Tensor:
    r"""Energy of the difference of the means, relative to that of the target.

    .. math:: \frac{\bigl(\frac1N \sum_n (y_n - x_n)\bigr)^2}{\frac1N \sum_n y_n^2 + \epsilon}

    Parameters
    ----------
    {waves}
    eps : float, default 1e-8
        :math:`\epsilon`, a power.
    {reduction}

    Returns
    -------
    {loss}

    Raises
    ------
    {refused}

    References
    ----------
    {wright_2019}

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import dc_loss
    >>> y = torch.ones(2, 100)
    >>> dc_loss(y + 0.5, y)
    tensor(0.2500)
    """
    x, y = check_pair(x, y, 1, "samples")
    return reduce((y - x).mean(-1).square() / (y.square().mean(-1) + eps), reduction)


class DCLoss(module_of(dc_loss)):
    """:func:`dc_loss` as a module.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import DCLoss
    >>> DCLoss()(torch.zeros(3, 100), torch.ones(3, 100))
    tensor(1.)
    """


@documented
def logcosh_loss(x: Tensor, y: Tensor, *, a: float = 1.0, reduction: str = "mean") -> Tensor:
    r"""Logarithm of the hyperbolic cosine: quadratic for small errors, absolute for large ones.

    .. math:: \frac{1}{a N} \sum_n \log \cosh\bigl(a (x_n - y_n)\bigr)

    computed as :math:`|z| + \log(1 + e^{-2|z|}) - \log 2`, which no error is too large for, or by
    its series, which none is too small for.

    Parameters
    ----------
    {waves}
    a : float, default 1.0
        Positive; the larger, the sooner it becomes absolute.
    {reduction}

    Returns
    -------
    Tensor
        The loss, at least 0. The paper sums over samples; this is the mean.

    Raises
    ------
    {refused}

    References
    ----------
    - Chen, Chen, Zhang: "Log hyperbolic cosine loss improves variational auto-encoder", 2018.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import logcosh_loss
    >>> y = torch.zeros(100)
    >>> logcosh_loss(y + 1e6, y)
    tensor(999999.3750)
    """
    x, y = check_pair(x, y, 1, "samples")
    log_cosh = _LogCosh if torch.compiler.is_compiling() else _LogCoshInBothModes
    values = cast("Tensor", log_cosh.apply(a * (x - y)))
    return reduce(values.mean(-1) / a, reduction)


class LogCoshLoss(module_of(logcosh_loss)):
    """:func:`logcosh_loss` as a module.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import LogCoshLoss
    >>> LogCoshLoss(a=2.0)
    LogCoshLoss(a=2.0)
    """


class _LogCosh(torch.autograd.Function):
    """log cosh, whose derivative is tanh."""

    generate_vmap_rule = True

    @staticmethod
    def forward(z: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Take the series where the formula would round three numbers near log 2."""
        t = z.square()
        series = t * (1 / 2 + t * (-1 / 12 + t * (1 / 45 + t * (-17 / 2520 + t * (31 / 14175)))))
        z = z.abs()
        formula = z + torch.nn.functional.softplus(-2 * z) - math.log(2)
        return torch.where(t < _SERIES, series, formula)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        """Remember the argument."""
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Multiply."""
        (z,) = ctx.saved_tensors
        return gradient * z.tanh()


class _LogCoshInBothModes(_LogCosh):
    """The same with a derivative in forward mode, which torch.compile refuses."""

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Multiply."""
        (z,) = ctx.saved_tensors
        return tangent * z.tanh()
