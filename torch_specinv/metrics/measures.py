"""The metrics that have a name."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..checks import check_pair, refuse_negative
from .resolve import Metric, register_metric


@register_metric("sc", higher_is_better=False, unit="dB", decimals=1)
def sc(input: Tensor, target: Tensor) -> Tensor:  # noqa: A002
    r"""Spectral convergence in dB; lower is better.

    .. math:: 20 \log_{10} \frac{\lVert \hat S - S \rVert_F}{\lVert S \rVert_F}

    Parameters
    ----------
    input : Tensor
        :math:`\hat S`, shape (..., bins, frames), real.
    target : Tensor
        :math:`S`, the same shape.

    Returns
    -------
    Tensor
        Shape (...), in dB.

    Raises
    ------
    SpecInvError
        If the shapes differ or have fewer than two dimensions, or a tensor is not real.

    References
    ----------
    - Sturmel, Daudet: "Signal reconstruction from STFT magnitude: a state of the art", 2011.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.metrics import sc
    >>> target = torch.ones(3, 5, 4)
    >>> sc(1.1 * target, target)
    tensor([-20.0000, -20.0000, -20.0000])
    """
    input, target = _prepare(input, target)  # noqa: A001
    level = _level(target)  # at extreme levels the squares would overflow or vanish
    input, target = input / level, target / level  # noqa: A001
    return _decibels(_norm(input - target), _norm(target))


@register_metric("snr", higher_is_better=True, unit="dB", decimals=1)
def snr(input: Tensor, target: Tensor) -> Tensor:  # noqa: A002
    r"""Signal-to-noise ratio in dB of the normalised arrays; higher is better.

    .. math::

        10 \log_{10} \frac{1}{\sum \bigl( \hat S / \lVert \hat S \rVert_F
                                          - S / \lVert S \rVert_F \bigr)^2}

    Both arrays are brought to unit norm first, so a wrong gain costs nothing.

    Parameters
    ----------
    input : Tensor
        :math:`\hat S`, shape (..., bins, frames), real.
    target : Tensor
        :math:`S`, the same shape.

    Returns
    -------
    Tensor
        Shape (...), in dB.

    Raises
    ------
    SpecInvError
        If the shapes differ or have fewer than two dimensions, or a tensor is not real.

    References
    ----------
    The formula documented by the original torch_specinv package (Yu, 2019).

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.metrics import snr
    >>> target = torch.tensor([[1.0, 0.0]])
    >>> snr(torch.tensor([[5.0, 5.0]]), target)
    tensor(2.3226)
    """
    input, target = _prepare(input, target)  # noqa: A001
    one = torch.ones((), dtype=input.dtype, device=input.device)
    distance = _norm(_unit(input) - _unit(target))
    return -_decibels(distance, one)


@register_metric("ser", higher_is_better=True, unit="dB", decimals=1)
def ser(input: Tensor, target: Tensor) -> Tensor:  # noqa: A002
    r"""Signal-to-error ratio in dB; higher is better, the negative of :func:`sc`.

    .. math:: 10 \log_{10} \frac{\sum S^2}{\sum (\hat S - S)^2}

    Parameters
    ----------
    input : Tensor
        :math:`\hat S`, shape (..., bins, frames), real.
    target : Tensor
        :math:`S`, the same shape.

    Returns
    -------
    Tensor
        Shape (...), in dB.

    Raises
    ------
    SpecInvError
        If the shapes differ or have fewer than two dimensions, or a tensor is not real.

    References
    ----------
    - Zhu, Beauregard, Wyse: "Real-time signal estimation from modified short-time Fourier
      transform magnitude spectra", 2007.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.metrics import ser
    >>> ser(torch.full((5, 4), 0.9), torch.ones(5, 4))
    tensor(20.0000)
    """
    return -sc(input, target)


@register_metric("lsd", higher_is_better=False, unit="dB")
def lsd(input: Tensor, target: Tensor) -> Tensor:  # noqa: A002
    r"""Log-spectral distance in dB; lower is better.

    .. math::

        \frac{1}{T} \sum_m \sqrt{ \frac{1}{F} \sum_k \Bigl(
            20 \log_{10} \frac{\max(\hat S[k, m], \epsilon)}{\max(S[k, m], \epsilon)}
        \Bigr)^2 }

    with :math:`\epsilon` 80 dB below the largest value of the target, for T frames of F bins. It
    weighs quiet bins like loud ones, where spectral convergence sees the loud ones alone.

    Parameters
    ----------
    input : Tensor
        :math:`\hat S`, shape (..., bins, frames), real.
    target : Tensor
        :math:`S`, the same shape.

    Returns
    -------
    Tensor
        Shape (...), in dB.

    Raises
    ------
    SpecInvError
        If the shapes differ or have fewer than two dimensions, or a tensor is not real, or holds
        negative values, such as decibels.

    References
    ----------
    - Gray, Markel: "Distance measures for speech processing", 1976.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.metrics import lsd
    >>> lsd(torch.full((5, 4), 10.0), torch.ones(5, 4))
    tensor(20.)
    """
    input, target = _prepare(input, target)  # noqa: A001
    for name, values in (("input", input), ("target", target)):
        refuse_negative(values, name)
    level = _level(target)
    floor = 1e-4
    # not clamp_min, whose gradient is 0 for NaN
    above, below = (torch.where(s / level < floor, floor, s / level) for s in (input, target))
    ratio = above / below
    # a root has no gradient at 0, a norm has
    distance = torch.linalg.vector_norm(20 * torch.log10(ratio), dim=-2) / ratio.shape[-2] ** 0.5
    return distance.mean(-1)


spectral_convergence = sc
signal_to_noise_ratio = snr
signal_to_error_ratio = ser
log_spectral_distance = lsd


def _prepare(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:  # noqa: A002
    """Check two arrays and lift half precision."""
    return check_pair(
        input, target, 2, "bins, frames", names=("input", "target"), mixed=True, empty=True
    )


def _level(x: Tensor) -> Tensor:
    """Return the largest magnitude of each item, or 1 where all is silent."""
    level = x.detach().abs().amax((-2, -1), keepdim=True)
    return torch.where(level == 0, 1, level)


def _norm(x: Tensor) -> Tensor:
    """Return the Frobenius norm over the last two dimensions; its gradient at 0 is 0."""
    return torch.linalg.vector_norm(x, dim=(-2, -1))


def _unit(x: Tensor) -> Tensor:
    """Scale to unit norm; silence stays silence."""
    x = x / _level(x)
    norm = _norm(x)[..., None, None]
    return x / torch.where(norm == 0, 1, norm)


def _decibels(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Return a ratio of norms in dB, kept within the precision of the dtype."""
    limits = torch.finfo(numerator.dtype)
    quotient = numerator / denominator.clamp_min(limits.tiny)
    return 20 * torch.log10(quotient.clamp(limits.eps, 1 / limits.eps))


def _sc_from_error(error: Tensor, energy: Tensor) -> Tensor:
    return _decibels(error.sqrt(), energy.sqrt())


def _ser_from_error(error: Tensor, energy: Tensor) -> Tensor:
    return -_sc_from_error(error, energy)


#: The metrics that follow from the squared error and the energy of the target, and how.
FROM_ERROR: dict[Metric, Callable[[Tensor, Tensor], Tensor]] = {
    sc: _sc_from_error,
    ser: _ser_from_error,
}
