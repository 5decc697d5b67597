"""Losses between spectrograms (..., bins, frames)."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import SpecInvError
from ..tensors import as_tensor, device_of
from .common import check_pair, mean_distance, reduce
from .docstrings import documented
from .layout import equally_many_frames
from .module import module_of
from .spectra import power


@documented
def elementwise_loss(
    x: Tensor, y: Tensor, metric: str = "L1", *, dims: int = 2, reduction: str = "mean"
) -> Tensor:
    r"""Mean absolute or squared difference.

    .. math:: \frac1K \sum_k |x_k - y_k| \quad \text{or} \quad \frac1K \sum_k |x_k - y_k|^2

    Parameters
    ----------
    x, y : Tensor
        Estimate and target, of the same shape; real or complex.
    {distance}
    dims : int, default 2
        How many of the last dimensions make an item: 2 for spectrograms, 1 for waveforms. The
        mean over all does not depend on it.
    {reduction}

    Returns
    -------
    {loss}

    Raises
    ------
    {refused}

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import elementwise_loss
    >>> elementwise_loss(torch.ones(2, 3, 4), torch.zeros(2, 3, 4), "L2", reduction="sum")
    tensor(2.)
    """
    x = as_tensor(x, "x", device_of(y))
    dims = min(dims, max(x.ndim, 1))
    x, y = check_pair(x, y, dims, "bins, frames", real=False)
    return reduce(mean_distance(x, y, metric, dims), reduction)


class ElementwiseLoss(module_of(elementwise_loss)):
    """:func:`elementwise_loss` as a module.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import ElementwiseLoss
    >>> ElementwiseLoss(metric="L2")(torch.zeros(3, 5, 7), torch.ones(3, 5, 7))
    tensor(1.)
    """


@documented
def spectral_convergence_loss(
    x: Tensor,
    y: Tensor,
    *,
    frame_dim: int | None = None,
    norm: str = "item",
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    r"""Spectral convergence: the distance of two magnitudes relative to the target.

    .. math:: \frac{\lVert y - x \rVert_F}{\max(\lVert y \rVert_F, \epsilon)}

    Not in decibels; :func:`torch_specinv.metrics.sc` is.

    Parameters
    ----------
    x, y : Tensor
        Magnitudes, shape (..., bins, frames), or as `frame_dim` says.
    frame_dim : int, optional
        Which dimension counts the frames: -1 for (..., bins, frames), -2 for (..., frames, bins).
        Frames that one of the two has more are then left out. Default: both have as many, and
        the layout makes no difference.
    norm : str, default "item"
        "item": a norm for each item, so that a batch gives the mean of what its items give.
        "batch": one for the whole batch, as older packages have it; loud items then outweigh
        quiet ones. The reduction has no effect on that.
    eps : float, default 1e-8
        :math:`\epsilon`, so that a silent target divides by something.
    {reduction}

    Returns
    -------
    Tensor
        The loss, at least 0. Where both are equal its gradient is 0.

    Raises
    ------
    {refused}
        Or if the numbers of bins differ, or those of frames without `frame_dim`.

    References
    ----------
    {arik_2018}

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import spectral_convergence_loss
    >>> y = torch.ones(2, 5, 4)
    >>> spectral_convergence_loss(0.9 * y, y, reduction="none")
    tensor([0.1000, 0.1000])
    """
    x, y = equally_many_frames(x, y, frame_dim)
    x, y = check_pair(x, y, 2, "bins, frames")
    return reduce(convergence(x, y, norm, eps), reduction)


class SpectralConvergenceLoss(module_of(spectral_convergence_loss)):
    """:func:`spectral_convergence_loss` as a module.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import SpectralConvergenceLoss
    >>> SpectralConvergenceLoss(frame_dim=-1)(torch.zeros(2, 5, 7), torch.ones(2, 5, 9))
    tensor(1.)
    """


def convergence(x: Tensor, y: Tensor, norm: str = "item", eps: float = 1e-8) -> Tensor:
    """Return the spectral convergence of each item, or of the whole batch."""
    dims = (-2, -1) if norm == "item" else tuple(range(x.ndim))
    # a root has no second derivative at 0, so where both are equal it is left out
    squares = (y - x).square().sum(dims)
    equal = squares == 0
    distance = torch.where(equal, 0, torch.where(equal, 1, squares).sqrt())
    return distance / torch.linalg.vector_norm(y, dim=dims).clamp_min(eps)


@documented
def log_magnitude_loss(
    x: Tensor,
    y: Tensor,
    metric: str = "L1",
    *,
    factor: float = 1.0,
    offset: float = 1e-7,
    reduction: str = "mean",
) -> Tensor:
    r"""Mean distance of log-magnitudes.

    .. math:: \frac1K \sum_k \bigl| \log(f x_k + \delta) - \log(f y_k + \delta) \bigr|

    or of its square. Near silence the gradient grows as :math:`f / \delta` at most.

    Parameters
    ----------
    {magnitudes}
    {distance}
    factor : float, default 1.0
        :math:`f`.
    offset : float, default 1e-7
        :math:`\delta`. With 1 quiet bins count little, and the loss is smooth.
    {reduction}

    Returns
    -------
    Tensor
        The loss, at least 0; natural logarithms.

    Raises
    ------
    {refused}

    References
    ----------
    {arik_2018}

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import log_magnitude_loss
    >>> y = torch.ones(2, 5, 4)
    >>> log_magnitude_loss(10 * y, y)
    tensor(2.3026)
    """
    x, y = check_pair(x, y, 2, "bins, frames")
    log_x, log_y = (torch.log(factor * magnitude + offset) for magnitude in (x, y))
    return reduce(mean_distance(log_x, log_y, metric, 2), reduction)


class LogMagnitudeLoss(module_of(log_magnitude_loss)):
    """:func:`log_magnitude_loss` as a module.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import LogMagnitudeLoss
    >>> LogMagnitudeLoss(offset=1.0)(torch.zeros(3, 5, 7), torch.ones(3, 5, 7))
    tensor(0.6931)
    """


@documented
def phase_loss(x: Tensor, y: Tensor, *, eps: float = 1e-8, reduction: str = "mean") -> Tensor:
    r"""How far the phases of two spectra are apart, without angles.

    .. math::

        \frac1K \sum_k \Bigl( 1 - \frac{\operatorname{Re}(x_k \overline{y_k})}
            {\sqrt{|x_k|^2 + \epsilon} \sqrt{|y_k|^2 + \epsilon}} \Bigr)

    which is :math:`1 - \cos \Delta\phi` where there is signal. An angle jumps by a turn, and its
    gradient is not defined at 0; this does and is neither. A silent bin has no phase: it counts
    as a quarter of a turn and has a gradient of 0 where both are 0.

    Parameters
    ----------
    x, y : Tensor
        Complex spectra, shape (..., bins, frames).
    eps : float, default 1e-8
        :math:`\epsilon`, a power.
    {reduction}

    Returns
    -------
    Tensor
        The loss, from 0 to 2.

    Raises
    ------
    {refused}
        Or if a tensor is not complex.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import phase_loss
    >>> y = torch.randn(5, 4, dtype=torch.complex64, generator=torch.manual_seed(0))
    >>> bool(phase_loss(3 * y, y) < 1e-4), bool(phase_loss(-y, y) > 1.99)
    (True, True)
    """
    x, y = check_pair(x, y, 2, "bins, frames", real=False)
    if not x.is_complex():
        raise SpecInvError(f"x and y have dtype {x.dtype}: a phase is that of complex spectra.")
    return reduce(phase_distance(x, y, eps), reduction)


class PhaseLoss(module_of(phase_loss)):
    """:func:`phase_loss` as a module.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import PhaseLoss
    >>> PhaseLoss()(torch.ones(5, 7) + 0j, -torch.ones(5, 7) + 0j)
    tensor(2.)
    """


def phase_distance(x: Tensor, y: Tensor, eps: float = 1e-8) -> Tensor:
    """Return the mean of 1 - cos of the differences of phase of each item."""
    a, b = torch.view_as_real(x.resolve_conj()), torch.view_as_real(y.resolve_conj())
    products = a * b
    product = products[..., 0] + products[..., 1]
    cosine = product * (power(x) + eps).rsqrt() * (power(y) + eps).rsqrt()
    return (1 - cosine).mean((-2, -1))
