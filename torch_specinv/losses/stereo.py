"""Losses of two channels."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..errors import SpecInvError
from .common import check_pair, reduce
from .resolutions import PARALLEL_WAVEGAN, mrstft_loss


def sum_difference_stft_loss(
    x: Tensor,
    y: Tensor,
    *,
    w_sum: float = 1.0,
    w_diff: float = 1.0,
    reduction: str = "mean",
    **settings: Any,
) -> Tensor:
    r"""Multi-resolution STFT loss of the sum and the difference of two channels.

    .. math:: \tfrac12 \bigl( w_{sum} \, \ell(x_l + x_r, y_l + y_r)
                            + w_{diff} \, \ell(x_l - x_r, y_l - y_r) \bigr)

    It stays the same when the channels are exchanged. (The paper has it without the half.)

    Parameters
    ----------
    x, y : Tensor
        Estimate and target, shape (..., 2, samples), real.
    w_sum, w_diff : float, default 1.0
        Weights of both.
    reduction : str, default "mean"
        Over the items: "mean", "sum", or "none", which returns shape (...).
    **settings
        Of :func:`mrstft_loss`, to change some of ``PARALLEL_WAVEGAN``.

    Returns
    -------
    Tensor
        The loss, at least 0.

    Raises
    ------
    SpecInvError
        If there are not two channels, or as :func:`mrstft_loss`.

    References
    ----------
    - Steinmetz, Pons, Pascual, Serrà: "Automatic multitrack mixing with a differentiable mixing
      console of neural audio effects", 2021.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import sum_difference_stft_loss
    >>> x, y = torch.randn(2, 3, 2, 8000, generator=torch.manual_seed(0))
    >>> bool(torch.isclose(sum_difference_stft_loss(x.flip(1), y), sum_difference_stft_loss(x, y)))
    True
    """
    sides = sum_and_difference(x, y)
    settings = {**PARALLEL_WAVEGAN, **settings, "reduction": "none"}
    total, difference = (mrstft_loss(a, b, **settings) for a, b in sides)
    return reduce((w_sum * total + w_diff * difference) / 2, reduction)


def sum_and_difference(x: Tensor, y: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Return the sums and the differences of the channels of both signals."""
    x, y = check_pair(x, y, 2, "2, samples")
    if x.shape[-2] != 2:
        raise SpecInvError(
            f"x and y have shape {tuple(x.shape)}: expected two channels, (..., 2, samples)."
        )
    pairs = [(s[..., 0, :] + s[..., 1, :], s[..., 0, :] - s[..., 1, :]) for s in (x, y)]
    return list(zip(*pairs, strict=True))
