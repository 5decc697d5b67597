"""Losses between waveforms."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..errors import SpecInvError
from .common import check_pair, reduce

# Up to this square the series of log cosh is exact to nine digits.
_SERIES = 0.0625


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
    x, y : Tensor
        Estimate and target, shape (..., samples), real, of any floating dtype.
    weighting : callable, optional
        Applied to both first, such as a :class:`FIRFilter`.
    eps : float, default 1e-8
        :math:`\epsilon`, an energy.
    reduction : str, default "mean"
        Over the items: "mean", "sum", or "none", which returns shape (...).

    Returns
    -------
    Tensor
        The loss, at least 0; float32 for half precision.

    Raises
    ------
    SpecInvError
        If shapes, dtypes or devices differ, or the reduction is unknown.

    References
    ----------
    - Wright, Damskägg, Välimäki: "Real-time black-box modelling with recurrent neural networks",
      2019.

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


def dc_loss(x: Tensor, y: Tensor, *, eps: float = 1e-8, reduction: str = "mean") -> Tensor:
    r"""Energy of the difference of the means, relative to that of the target.

    .. math:: \frac{\bigl(\frac1N \sum_n (y_n - x_n)\bigr)^2}{\frac1N \sum_n y_n^2 + \epsilon}

    Parameters
    ----------
    x, y : Tensor
        Estimate and target, shape (..., samples), real.
    eps : float, default 1e-8
        :math:`\epsilon`, a power.
    reduction : str, default "mean"
        Over the items: "mean", "sum", or "none", which returns shape (...).

    Returns
    -------
    Tensor
        The loss, at least 0.

    Raises
    ------
    SpecInvError
        If shapes, dtypes or devices differ, or the reduction is unknown.

    References
    ----------
    - Wright, Damskägg, Välimäki: "Real-time black-box modelling with recurrent neural networks",
      2019.

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


def logcosh_loss(x: Tensor, y: Tensor, *, a: float = 1.0, reduction: str = "mean") -> Tensor:
    r"""Logarithm of the hyperbolic cosine: quadratic for small errors, absolute for large ones.

    .. math:: \frac{1}{a N} \sum_n \log \cosh\bigl(a (x_n - y_n)\bigr)

    computed as :math:`|z| + \log(1 + e^{-2|z|}) - \log 2`, which no error is too large for, or by
    its series, which none is too small for.

    Parameters
    ----------
    x, y : Tensor
        Estimate and target, shape (..., samples), real.
    a : float, default 1.0
        Positive; the larger, the sooner it becomes absolute.
    reduction : str, default "mean"
        Over the items: "mean", "sum", or "none", which returns shape (...).

    Returns
    -------
    Tensor
        The loss, at least 0. The paper sums over samples; this is the mean.

    Raises
    ------
    SpecInvError
        If shapes, dtypes or devices differ, `a` is not positive, or the reduction is unknown.

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
    if not a > 0:
        raise SpecInvError(f"a={a!r}: expected a positive number.")
    values = torch.as_tensor(_LogCosh.apply(a * (x - y)))
    return reduce(values.mean(-1) / a, reduction)


def snr_loss(
    x: Tensor, y: Tensor, *, zero_mean: bool = True, eps: float = 1e-8, reduction: str = "mean"
) -> Tensor:
    r"""Negative signal-to-noise ratio in dB.

    .. math:: -10 \log_{10} \Bigl( \frac{\sum y^2}{\sum (x - y)^2 + \epsilon} + \epsilon \Bigr)

    Parameters
    ----------
    x, y : Tensor
        Estimate and target, shape (..., samples), real.
    zero_mean : bool, default True
        Subtract the mean of each first.
    eps : float, default 1e-8
        :math:`\epsilon`: an energy, and a ratio.
    reduction : str, default "mean"
        Over the items: "mean", "sum", or "none", which returns shape (...).

    Returns
    -------
    Tensor
        The loss in dB, lower is better.

    Raises
    ------
    SpecInvError
        If shapes, dtypes or devices differ, or the reduction is unknown.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import snr_loss
    >>> y = torch.randn(100, generator=torch.manual_seed(0))
    >>> snr_loss(0.9 * y, y)
    tensor(-20.0000)
    """
    x, y = _centred(x, y, zero_mean)
    return reduce(-_decibels(y, x - y, eps), reduction)


def sd_sdr_loss(
    x: Tensor, y: Tensor, *, zero_mean: bool = True, eps: float = 1e-8, reduction: str = "mean"
) -> Tensor:
    r"""Negative scale-dependent signal-to-distortion ratio in dB.

    .. math::

        -10 \log_{10} \Bigl( \frac{\sum (\alpha y)^2}{\sum (x - y)^2 + \epsilon} + \epsilon \Bigr),
        \qquad \alpha = \frac{\sum x y}{\sum y^2 + \epsilon}

    Parameters
    ----------
    x, y : Tensor
        Estimate and target, shape (..., samples), real.
    zero_mean : bool, default True
        Subtract the mean of each first.
    eps : float, default 1e-8
        :math:`\epsilon`: an energy, and a ratio.
    reduction : str, default "mean"
        Over the items: "mean", "sum", or "none", which returns shape (...).

    Returns
    -------
    Tensor
        The loss in dB, lower is better.

    Raises
    ------
    SpecInvError
        If shapes, dtypes or devices differ, or the reduction is unknown.

    References
    ----------
    - Le Roux, Wisdom, Erdogan, Hershey: "SDR: half-baked or well done?", 2019.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import sd_sdr_loss
    >>> y = torch.randn(100, generator=torch.manual_seed(0))
    >>> sd_sdr_loss(0.5 * y, y)
    tensor(0.)
    """
    x, y = _centred(x, y, zero_mean)
    alpha = (x * y).sum(-1, keepdim=True) / (y.square().sum(-1, keepdim=True) + eps)
    return reduce(-_decibels(alpha * y, x - y, eps), reduction)


def si_sdr_loss(
    x: Tensor, y: Tensor, *, zero_mean: bool = True, eps: float = 1e-14, reduction: str = "mean"
) -> Tensor:
    r"""Negative scale-invariant signal-to-distortion ratio in dB.

    .. math::

        -10 \log_{10} \Bigl(
            \frac{\sum (\alpha y)^2}{\sum (x - \alpha y)^2 + \epsilon} + \epsilon
        \Bigr), \qquad \alpha = \frac{\sum x y}{\sum y^2 + \epsilon}

    with both brought to unit energy first. So a gain of either changes nothing, however quiet it
    makes them; a gain that is a power of two changes no digit. Silence stays silence, and so does
    a constant, whose mean is subtracted.

    Parameters
    ----------
    x, y : Tensor
        Estimate and target, shape (..., samples), real.
    zero_mean : bool, default True
        Subtract the mean of each first.
    eps : float, default 1e-14
        :math:`\epsilon`, relative to the energies: the loss lies between -140 and 140 dB.
    reduction : str, default "mean"
        Over the items: "mean", "sum", or "none", which returns shape (...).

    Returns
    -------
    Tensor
        The loss in dB, lower is better.

    Raises
    ------
    SpecInvError
        If shapes, dtypes or devices differ, or the reduction is unknown.

    References
    ----------
    - Le Roux, Wisdom, Erdogan, Hershey: "SDR: half-baked or well done?", 2019.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import si_sdr_loss
    >>> x, y = torch.randn(2, 100, generator=torch.manual_seed(0))
    >>> bool(si_sdr_loss(x / 1024, 8 * y) == si_sdr_loss(x, y))
    True
    """
    x, y = check_pair(x, y, 1, "samples")
    centred = _centred(x, y, zero_mean)
    x, y = _unit(centred[0], x), _unit(centred[1], y)
    alpha = (x * y).sum(-1, keepdim=True) / (y.square().sum(-1, keepdim=True) + eps)
    return reduce(-_decibels(alpha * y, x - alpha * y, eps), reduction)


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

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Multiply."""
        (z,) = ctx.saved_tensors
        return gradient * z.tanh()


def _centred(x: Tensor, y: Tensor, zero_mean: bool) -> tuple[Tensor, Tensor]:
    x, y = check_pair(x, y, 1, "samples")
    if zero_mean:
        return x - x.mean(-1, keepdim=True), y - y.mean(-1, keepdim=True)
    return x, y


def _unit(x: Tensor, before: Tensor) -> Tensor:
    """Bring to unit energy; the largest value first, as squares of extremes leave the range.

    What is left of a constant when its mean has been subtracted is rounding, and becomes 0.
    """
    largest, whole = (s.detach().abs().amax(-1, keepdim=True) for s in (x, before))
    sound = largest > 8 * torch.finfo(x.dtype).eps * whole
    x = torch.where(sound, x / torch.where(sound, largest, 1), 0)
    energy = x.square().sum(-1, keepdim=True)
    return x * torch.where(energy > 0, energy, 1).rsqrt()


def _decibels(signal: Tensor, noise: Tensor, eps: float) -> Tensor:
    ratio = signal.square().sum(-1) / (noise.square().sum(-1) + eps)
    return 10 * torch.log10(ratio + eps)
