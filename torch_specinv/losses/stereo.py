"""Losses of two channels."""

from __future__ import annotations

from typing import Unpack

from torch import Tensor

from ..errors import SpecInvError
from .common import check_pair, reduce
from .docstrings import documented
from .keywords import keywords_of
from .module import module_of
from .resolutions import PARALLEL_WAVEGAN, MultiResolutionKeywords, keep_windows, mrstft_loss


@documented
@keywords_of(mrstft_loss, **PARALLEL_WAVEGAN)
def sum_difference_stft_loss(
    x: Tensor,
    y: Tensor,
    *,
    w_sum: float = 1.0,
    w_diff: float = 1.0,
    reduction: str = "mean",
    **settings: Unpack[MultiResolutionKeywords],
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
    {resolutions}
    {reduction}

    Returns
    -------
    {loss}

    Raises
    ------
    {refused_if_short}
        Or if there are not two channels.

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
    total, difference = (mrstft_loss(a, b, **settings, reduction="none") for a, b in sides)
    return reduce((w_sum * total + w_diff * difference) / 2, reduction)


class SumDifferenceSTFTLoss(module_of(sum_difference_stft_loss, keep_windows)):
    """:func:`sum_difference_stft_loss` as a module, with the windows as buffers.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import SumDifferenceSTFTLoss
    >>> bool(SumDifferenceSTFTLoss()(*torch.randn(2, 3, 2, 4000)) > 0)
    True
    """


def sum_and_difference(x: Tensor, y: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Return the sums and the differences of the channels of both signals."""
    x, y = check_pair(x, y, 2, "2, samples")
    if x.shape[-2] != 2:
        raise SpecInvError(
            f"x and y have shape {tuple(x.shape)}: expected two channels, (..., 2, samples)."
        )
    pairs = [(s[..., 0, :] + s[..., 1, :], s[..., 0, :] - s[..., 1, :]) for s in (x, y)]
    return list(zip(*pairs, strict=True))
