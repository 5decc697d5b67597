"""Losses between waveforms in decibels: ratios of signal to noise or distortion."""

from __future__ import annotations

import torch
from torch import Tensor

from .common import check_pair, reduce
from .docstrings import documented
from .module import module_of


@documented
def snr_loss(
    x: Tensor, y: Tensor, *, zero_mean: bool = True, eps: float = 1e-8, reduction: str = "mean"
) -> Tensor:
    r"""Negative signal-to-noise ratio in dB.

    .. math:: -10 \log_{10} \Bigl( \frac{\sum y^2}{\sum (x - y)^2 + \epsilon} + \epsilon \Bigr)

    Parameters
    ----------
    {waves}
    {zero_mean}
    {energy_and_ratio}
    {reduction}

    Returns
    -------
    {decibels}

    Raises
    ------
    {refused}

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


class SNRLoss(module_of(snr_loss)):
    """:func:`snr_loss` as a module.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import SNRLoss
    >>> SNRLoss(zero_mean=False)(torch.full((100,), 0.9), torch.ones(100))
    tensor(-20.0000)
    """


@documented
def sd_sdr_loss(
    x: Tensor, y: Tensor, *, zero_mean: bool = True, eps: float = 1e-8, reduction: str = "mean"
) -> Tensor:
    r"""Negative scale-dependent signal-to-distortion ratio in dB.

    .. math::

        -10 \log_{10} \Bigl( \frac{\sum (\alpha y)^2}{\sum (x - y)^2 + \epsilon} + \epsilon \Bigr),
        \qquad \alpha = \frac{\sum x y}{\sum y^2 + \epsilon}

    Parameters
    ----------
    {waves}
    {zero_mean}
    {energy_and_ratio}
    {reduction}

    Returns
    -------
    {decibels}

    Raises
    ------
    {refused}

    References
    ----------
    {le_roux_2019}

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import sd_sdr_loss
    >>> y = torch.randn(100, generator=torch.manual_seed(0))
    >>> sd_sdr_loss(0.5 * y, y)
    tensor(0.)
    """
    x, y = _centred(x, y, zero_mean)
    return reduce(-_decibels(_fit(x, y, eps) * y, x - y, eps), reduction)


class SDSDRLoss(module_of(sd_sdr_loss)):
    """:func:`sd_sdr_loss` as a module.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import SDSDRLoss
    >>> SDSDRLoss(reduction="none")(*torch.randn(2, 3, 100)).shape
    torch.Size([3])
    """


@documented
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
    {waves}
    {zero_mean}
    eps : float, default 1e-14
        :math:`\epsilon`, relative to the energies: the loss lies between -140 and 140 dB.
    {reduction}

    Returns
    -------
    {decibels}

    Raises
    ------
    {refused}

    References
    ----------
    {le_roux_2019}

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import si_sdr_loss
    >>> x, y = torch.randn(2, 100, generator=torch.manual_seed(0))
    >>> bool(si_sdr_loss(x / 1024, 8 * y) == si_sdr_loss(x, y))
    True
    """
    x, y = check_pair(x, y, 1, "samples")
    x, y = _unit(x, zero_mean), _unit(y, zero_mean)
    alpha = _fit(x, y, eps)
    return reduce(-_decibels(alpha * y, x - alpha * y, eps), reduction)


class SISDRLoss(module_of(si_sdr_loss)):
    """:func:`si_sdr_loss` as a module.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import SISDRLoss
    >>> x, y = torch.randn(2, 100, generator=torch.manual_seed(0))
    >>> bool(SISDRLoss()(2 * x, y) == SISDRLoss()(x, y))
    True
    """


def _centred(x: Tensor, y: Tensor, zero_mean: bool) -> tuple[Tensor, Tensor]:
    x, y = check_pair(x, y, 1, "samples")
    if zero_mean:
        return x - x.mean(-1, keepdim=True), y - y.mean(-1, keepdim=True)
    return x, y


def _unit(x: Tensor, zero_mean: bool) -> Tensor:
    """Bring to unit energy; the largest value first, as sums of extremes leave the range.

    What is left of a constant when its mean has been subtracted is rounding, and becomes 0. What is
    not finite becomes NaN.
    """
    x = _to_peak(x)
    if zero_mean:
        x = x - x.mean(-1, keepdim=True)
        rounding = x.detach().abs().amax(-1, keepdim=True) <= 8 * torch.finfo(x.dtype).eps
        x = _to_peak(torch.where(rounding, 0, x))
    energy = x.square().sum(-1, keepdim=True)
    return x * torch.where(energy == 0, 1, energy).rsqrt()


def _to_peak(x: Tensor) -> Tensor:
    """Divide by the largest value; silence stays silence."""
    largest = x.detach().abs().amax(-1, keepdim=True)
    return x / torch.where(largest == 0, 1, largest)


def _fit(x: Tensor, y: Tensor, eps: float) -> Tensor:
    """Return the gain with which y is nearest to x."""
    return (x * y).sum(-1, keepdim=True) / (y.square().sum(-1, keepdim=True) + eps)


def _decibels(signal: Tensor, noise: Tensor, eps: float) -> Tensor:
    ratio = signal.square().sum(-1) / (noise.square().sum(-1) + eps)
    return 10 * torch.log10(ratio + eps)
