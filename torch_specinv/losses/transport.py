r"""Spectral optimal transport: how far energy has to be moved along frequency.

Where two spectra do not overlap, a difference of bins says only that they differ, and its gradient
points nowhere. The cost of moving one to the other grows with the distance, so its gradient moves
a sinusoid to its place. In one dimension it has a closed form,

.. math:: W_p^p = \int_0^1 \bigl| F_x^{-1}(q) - F_y^{-1}(q) \bigr|^p \, dq ,

with F the cumulative spectra of a frame. They are steps, so the integral is a sum over the levels
of both, and exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..checks import check_finite, lift
from ..errors import SpecInvError
from ..tensors import Numbers, any_tensor, as_tensor
from ..transform.named_windows import Window
from .common import check_pair, reduce
from .docstrings import documented
from .module import module_of
from .resolutions import Counts, read_resolutions
from .spectra import safe_power


@documented
def spectral_optimal_transport_loss(
    x: Tensor,
    y: Tensor,
    positions: Numbers | None = None,
    p: int = 2,
    normalize: bool = True,
    balanced: bool = True,
    quantile_lowpass: bool = False,
    *,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    r"""Wasserstein distance of spectra along frequency, mean over the frames.

    Parameters
    ----------
    x, y : Tensor
        Estimate and target, shape (..., bins, frames), real and not negative.
    positions : Tensor, optional
        Where the bins are, shape (bins,), finite, in any order. Default: uniform in [0, 1).
    {transport}
    eps : float, default 1e-8
        Added to the sums of spectra, so that silent frames cost nothing.
    {reduction}

    Returns
    -------
    Tensor
        :math:`W_p^p`, at least 0.

    Raises
    ------
    {refused}

    References
    ----------
    - Cazelles, Robert, Tobar: "The Wasserstein-Fourier distance for stationary time series", 2020.
    {torres_2024}

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import spectral_optimal_transport_loss
    >>> x, y = torch.eye(8)[2:4, :, None]
    >>> spectral_optimal_transport_loss(x, y, p=1)  # one bin of eight
    tensor(0.1250)
    """
    x, y = check_pair(x, y, 2, "bins, frames")
    bins = x.shape[-2]
    if positions is None:
        positions = torch.arange(bins, dtype=x.dtype, device=x.device) / bins
    else:
        positions, order = _in_order(positions, bins)
        positions, order = positions.to(x), order.to(x.device)
        x, y = x[..., order, :], y[..., order, :]
    cost = _cost(x, y, positions, p, normalize, balanced, quantile_lowpass, eps)
    return reduce(cost, reduction)


def _in_order(positions: Any, bins: int) -> tuple[Tensor, Tensor]:
    """Return the positions of bins in ascending order, and the bins in that order."""
    positions = any_tensor(positions, "positions")
    if positions.is_floating_point():
        positions = as_tensor(positions, "positions")
    if positions.shape != (bins,) or positions.is_complex() or positions.dtype is torch.bool:
        raise SpecInvError(
            f"positions has shape {tuple(positions.shape)} and dtype {positions.dtype}: expected "
            f"real ({bins},), one for each bin."
        )
    positions = lift(positions)
    check_finite(positions, "positions")
    return positions.sort(stable=True)


class SpectralOptimalTransportLoss(module_of(spectral_optimal_transport_loss)):
    """:func:`spectral_optimal_transport_loss` as a module.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import SpectralOptimalTransportLoss
    >>> x, y = torch.eye(8)[2:4, :, None]
    >>> SpectralOptimalTransportLoss(p=1)(x, y)
    tensor(0.1250)
    """


def _cost(
    x: Tensor,
    y: Tensor,
    positions: Tensor,
    p: int,
    normalize: bool,
    balanced: bool,
    lowpass: bool,
    eps: float = 1e-8,
) -> Tensor:
    """Return the cost of each item (..., bins, frames), its bins at ascending positions."""
    # negative weights have no transport
    x, y = (torch.where(s < 0, math.nan, s).mT for s in (x, y))
    mass_x, mass_y = (_finite(s.sum(-1, keepdim=True) + eps) for s in (x, y))
    if normalize:
        x, y = x / mass_x, y / (mass_y if balanced else mass_x)
    elif balanced:
        y = y * (mass_x / mass_y)
    return _transport(x, y, positions, p, lowpass).mean(-1)


def _finite(sums: Tensor) -> Tensor:
    """Return NaN for infinite sums: divided by them, spectra would be silent and seem equal."""
    return torch.where(sums < math.inf, sums, math.nan)


def _transport(x: Tensor, y: Tensor, positions: Tensor, p: int, lowpass: bool) -> Tensor:
    """Return the cost for each row of two sets of weights (..., bins) at the same positions."""
    below_x, below_y = x.cumsum(-1), y.cumsum(-1)
    levels = torch.cat([below_x, below_y], -1).sort(-1).values
    steps = torch.diff(levels, dim=-1, prepend=torch.zeros_like(levels[..., :1]))
    if lowpass:
        # the level of all of a spectrum is 1, or a little more once it is rounded
        rounding = x.shape[-1] * torch.finfo(levels.dtype).eps
        steps = torch.where(levels > 1 + rounding, 0, steps)
    places = [
        positions[torch.searchsorted(below.detach(), levels.detach()).clamp_max(x.shape[-1] - 1)]
        for below in (below_x, below_y)
    ]
    distance = (places[0] - places[1]).abs()
    return (steps * (distance if p == 1 else distance**p)).sum(-1)


@documented
def multi_resolution_transport_loss(
    x: Tensor,
    y: Tensor,
    *,
    fft_sizes: Counts | None = (1024, 2048, 512),
    hop_lengths: Counts = (256, 512, 128),
    win_lengths: Counts | None = None,
    window: Window | Sequence[Window] = "flattop",
    power: float = 1.0,
    p: int = 2,
    normalize: bool = True,
    balanced: bool = True,
    quantile_lowpass: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """Spectral optimal transport between the STFTs of two waveforms, mean over resolutions.

    The bins lie in [0, 1], 1 being the last.

    Parameters
    ----------
    {waves}
    fft_sizes, hop_lengths, win_lengths : sequence of int, or int
        Of each resolution, or of one; the windows fill the frames if not said otherwise.
    window : str, float, tuple of str and float, or a sequence, default "flattop"
        Its name, see :func:`stft_loss`, or one for each resolution.
    power : float, default 1.0
        Of the magnitudes.
    {transport}
    {reduction}

    Returns
    -------
    {loss}

    Raises
    ------
    {refused_if_short}

    References
    ----------
    {torres_2024}

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import multi_resolution_transport_loss
    >>> t = torch.arange(8000) / 8000
    >>> tone = lambda hertz: torch.sin(2 * torch.pi * hertz * t)
    >>> near, far = (multi_resolution_transport_loss(tone(f), tone(1000)) for f in (1100, 2000))
    >>> bool(near < far)
    True
    """
    x, y = check_pair(x, y, 1, "samples")
    lengths = _window_lengths(win_lengths, fft_sizes)
    losses: list[Tensor] = []
    for resolution in read_resolutions(hop_lengths, lengths, fft_sizes, window, x):
        a, b = (resolution.transform(wave).abs() for wave in (x, y))
        if power != 1:
            a, b = safe_power(a, power), safe_power(b, power)
        positions = torch.linspace(0, 1, a.shape[-2], dtype=a.dtype, device=a.device)
        losses.append(_cost(a, b, positions, p, normalize, balanced, quantile_lowpass))
    return reduce(torch.stack(losses).mean(0), reduction)


def _window_lengths(win_lengths: Counts | None, fft_sizes: Counts | None) -> Counts:
    """Return the lengths of windows, which fill the frames if not said otherwise."""
    given = fft_sizes if win_lengths is None else win_lengths
    if given is None:
        raise SpecInvError("win_lengths=None and fft_sizes=None: pass one of them.")
    return given


def _keep_windows(settings: dict[str, Any]) -> dict[str, Any]:
    lengths = _window_lengths(settings["win_lengths"], settings["fft_sizes"])
    read = read_resolutions(
        settings["hop_lengths"], lengths, settings["fft_sizes"], settings["window"]
    )
    return {"window": [resolution.window for resolution in read]}


class MultiResolutionTransportLoss(module_of(multi_resolution_transport_loss, _keep_windows)):
    """:func:`multi_resolution_transport_loss` as a module, with the windows as buffers.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import MultiResolutionTransportLoss
    >>> bool(MultiResolutionTransportLoss(p=1)(*torch.randn(2, 3, 4000)) > 0)
    True
    """
