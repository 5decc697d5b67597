r"""Spectral optimal transport: how far energy has to be moved along frequency.

Where two spectra do not overlap, a difference of bins says only that they differ, and its gradient
points nowhere. The cost of moving one to the other grows with the distance, so its gradient moves
a sinusoid to its place. In one dimension it has a closed form,

.. math:: W_p^p = \int_0^1 \bigl| F_x^{-1}(q) - F_y^{-1}(q) \bigr|^p \, dq ,

with F the cumulative spectra of a frame. They are steps, so the integral is a sum over the levels
of both, and exact.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import SpecInvError
from .common import check_pair, reduce
from .resolutions import read_resolutions
from .spectra import safe_power
from .stft import Resolution


def spectral_optimal_transport_loss(
    x: Tensor,
    y: Tensor,
    positions: Tensor | None = None,
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
        Where the bins are, shape (bins,), in ascending order. Default: uniform in [0, 1).
    p : int, default 2
        Order of the distance, 1 or more. Its p-th power is returned.
    normalize : bool, default True
        Divide spectra by their sums.
    balanced : bool, default True
        Both by their own. Otherwise both by that of the estimate, so that a wrong level costs;
        without `normalize`, the target is brought to the sum of the estimate or left alone.
    quantile_lowpass : bool, default False
        Leave out levels above 1, of which there are some where the target has more energy.
    eps : float, default 1e-8
        Added to the sums, so that silent frames cost nothing.
    reduction : str, default "mean"
        Over the items: "mean", "sum", or "none", which returns shape (...).

    Returns
    -------
    Tensor
        :math:`W_p^p`, at least 0.

    Raises
    ------
    SpecInvError
        If shapes, dtypes or devices differ, p is less than 1, or positions do not fit.

    References
    ----------
    - Cazelles, Robert, Tobar: "The Wasserstein-Fourier distance for stationary time series", 2020.
    - Torres, Peeters, Richard: "Unsupervised harmonic parameter estimation using differentiable
      DSP and spectral optimal transport", 2024.

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
    if not p >= 1:
        raise SpecInvError(f"p={p!r}: expected 1 or more.")
    if positions is not None and not isinstance(positions, Tensor):  # pyright: ignore[reportUnnecessaryIsInstance]
        positions = torch.as_tensor(positions)
    if positions is None:
        positions = torch.arange(bins, dtype=x.dtype, device=x.device) / bins
    elif positions.shape != (bins,):
        raise SpecInvError(
            f"positions has shape {tuple(positions.shape)}: expected ({bins},), one for each bin."
        )
    x, y = x.mT, y.mT
    mass_x, mass_y = (s.sum(-1, keepdim=True) + eps for s in (x, y))
    if normalize:
        x, y = x / mass_x, y / (mass_y if balanced else mass_x)
    elif balanced:
        y = y * (mass_x / mass_y)
    cost = _transport(x, y, positions.to(x), p, quantile_lowpass)
    return reduce(cost.mean(-1), reduction)


def _transport(x: Tensor, y: Tensor, positions: Tensor, p: int, lowpass: bool) -> Tensor:
    """Return the cost for each row of two sets of weights (..., bins) at the same positions."""
    below_x, below_y = x.cumsum(-1), y.cumsum(-1)
    levels = torch.cat([below_x, below_y], -1).sort(-1).values
    steps = torch.diff(levels, dim=-1, prepend=torch.zeros_like(levels[..., :1]))
    if lowpass:
        steps = torch.where(levels > 1, 0, steps)
    places = [
        positions[torch.searchsorted(below.detach(), levels.detach()).clamp_max(x.shape[-1] - 1)]
        for below in (below_x, below_y)
    ]
    distance = (places[0] - places[1]).abs()
    return (steps * (distance if p == 1 else distance**p)).sum(-1)


def multi_resolution_transport_loss(
    x: Tensor,
    y: Tensor,
    *,
    fft_sizes: Sequence[int] = (1024, 2048, 512),
    hop_lengths: Sequence[int] = (256, 512, 128),
    win_lengths: Sequence[int] | None = None,
    window: str | Sequence[Tensor] = "flattop",
    power: float = 1.0,
    p: int = 2,
    normalize: bool = True,
    balanced: bool = True,
    quantile_lowpass: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """Spectral optimal transport between the STFTs of two waveforms, mean over resolutions.

    Parameters
    ----------
    x, y : Tensor
        Estimate and target, shape (..., samples), real.
    fft_sizes, hop_lengths, win_lengths : sequence of int
        Of each resolution; the windows fill the frames if not said otherwise.
    window : str or sequence of Tensor, default "flattop"
        Its name, see :func:`stft_loss`, or one for each resolution.
    power : float, default 1.0
        Of the magnitudes.
    p, normalize, balanced, quantile_lowpass
        See :func:`spectral_optimal_transport_loss`; bins lie in [0, 1], 1 being the last.
    reduction : str, default "mean"
        Over the items: "mean", "sum", or "none", which returns shape (...).

    Returns
    -------
    Tensor
        The loss, at least 0.

    Raises
    ------
    SpecInvError
        If shapes, dtypes or devices differ, the signals are shorter than a window, or a setting
        is not what it should be.

    References
    ----------
    - Torres, Peeters, Richard: "Unsupervised harmonic parameter estimation using differentiable
      DSP and spectral optimal transport", 2024.

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
    wins = fft_sizes if win_lengths is None else win_lengths
    resolutions = read_resolutions(hop_lengths, wins, fft_sizes, window, x)
    return transport_at(
        x, y, resolutions, power, (p, normalize, balanced, quantile_lowpass), reduction
    )


def transport_at(
    x: Tensor,
    y: Tensor,
    resolutions: list[Resolution],
    power: float,
    settings: tuple[int, bool, bool, bool],
    reduction: str,
) -> Tensor:
    """Return the mean over resolutions."""
    losses: list[Tensor] = []
    for resolution in resolutions:
        a, b = (resolution.transform(wave).abs() for wave in (x, y))
        if power != 1:
            a, b = safe_power(a, power), safe_power(b, power)
        places = torch.linspace(0, 1, a.shape[-2], dtype=a.dtype, device=a.device)
        losses.append(spectral_optimal_transport_loss(a, b, places, *settings, reduction="none"))
    return reduce(torch.stack(losses).mean(0), reduction)
