"""STFT losses at several resolutions, so that none of them is favoured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeGuard, Unpack, cast

import numpy as np
from torch import Tensor

from ..errors import SpecInvError, check_counts, shown
from ..transform.named_windows import Window, is_named
from .common import check_pair, reduce
from .docstrings import documented
from .keywords import keywords_of
from .module import module_of
from .stft import Resolution, compare_at
from .terms import Scale, TermKeywords, Terms

#: A number for each resolution, or the one of a single resolution.
Counts = int | Sequence[int]

HOP_LENGTHS = (32, 64, 128, 256, 512, 1024)
WIN_LENGTHS = (64, 128, 256, 512, 1024, 2048)
#: What "smooth" means: a flat top, lengths that share no factor, log(1 + |X|), squares.
SMOOTH: dict[str, Any] = {
    "hop_lengths": (32, 63, 128, 254, 510, 1026),
    "win_lengths": (67, 127, 257, 509, 1021, 2053),
    "window": "flattop",
    "w_lin": 0.0,
    "log_dist": "L2",
    "log_eps": 1.0,
}
#: The settings of Yamamoto, Song, Kim 2020 for :func:`mrstft_loss`, which most vocoders use.
PARALLEL_WAVEGAN: dict[str, Any] = {
    "fft_sizes": (1024, 2048, 512),
    "hop_lengths": (120, 240, 50),
    "win_lengths": (600, 1200, 240),
    "w_sc": 1.0,
    "w_lin": 0.0,
    "log_eps": 0.0,
    "floor": 1e-4,
}


def _listed(counts: Counts) -> Sequence[int]:
    return [counts] if isinstance(counts, int) else counts


def _are_several(scale: Any) -> TypeGuard[Sequence[Tensor]]:
    return isinstance(scale, (list, tuple))


def read_resolutions(
    hop_lengths: Counts,
    win_lengths: Counts,
    fft_sizes: Counts | None,
    window: Window | Sequence[Window],
    like: Tensor | None = None,
) -> list[Resolution]:
    """Return the resolutions, after checking that there are as many of each number."""
    hop_lengths = check_counts("hop_lengths", _listed(hop_lengths))
    sizes = None if fft_sizes is None else check_counts("fft_sizes", _listed(fft_sizes))
    win_lengths = check_counts("win_lengths", _listed(win_lengths))
    sizes = win_lengths if sizes is None else sizes
    if not len(hop_lengths) == len(win_lengths) == len(sizes):
        raise SpecInvError(
            f"{len(sizes)} fft_sizes, {len(hop_lengths)} hop_lengths, {len(win_lengths)} "
            "win_lengths: expected one of each for every resolution. Those that are not given have "
            "their defaults."
        )
    one = isinstance(window, (Tensor, np.ndarray)) and window.ndim == 1
    if one or is_named(window):
        windows = [window] * len(sizes)
    elif isinstance(window, (list, tuple)) and window:
        windows = list(cast(Sequence[Window], window))
    else:
        raise SpecInvError(
            f"window={shown(window)}: expected a name, such as 'hann', a tensor (win_length,), or "
            "a list of as many windows as there are resolutions."
        )
    if len(windows) != len(sizes):
        raise SpecInvError(
            f"window has {len(windows)} items, but there are {len(sizes)} resolutions."
        )
    return [
        Resolution.of(n_fft, hop, win, window, like)
        for n_fft, hop, win, window in zip(sizes, hop_lengths, win_lengths, windows, strict=True)
    ]


@documented
@keywords_of(Terms, w_sc=0.0, w_lin=1.0, log_eps=1e-7, floor=0.0)
def mrstft_loss(
    x: Tensor,
    y: Tensor,
    *,
    hop_lengths: Counts = HOP_LENGTHS,
    win_lengths: Counts = WIN_LENGTHS,
    fft_sizes: Counts | None = None,
    window: Window | Sequence[Window] = "hann",
    scale: Scale | Sequence[Tensor] | None = None,
    weighting: Callable[[Tensor], Tensor] | None = None,
    reduction: str = "mean",
    **terms: Unpack[TermKeywords],
) -> Tensor:
    r"""Multi-resolution STFT loss, also called multi-scale spectral loss.

    .. math::

        \frac1M \sum_{m=1}^M \Bigl(
            w_{lin} \frac1{K_m} \lVert X_m^p - Y_m^p \rVert
            + w_{log} \frac1{K_m} \lVert \log(f X_m^p + \delta) - \log(f Y_m^p + \delta) \rVert
        \Bigr)

    Parameters
    ----------
    {waves}
    {resolutions}
    {reduction}

    Returns
    -------
    {loss}

    Raises
    ------
    {refused_if_short}

    References
    ----------
    - Engel, Hantrakul, Gu, Roberts: "DDSP: Differentiable digital signal processing", 2020.
    - Yamamoto, Song, Kim: "Parallel WaveGAN", 2020, whose settings are ``PARALLEL_WAVEGAN``.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import PARALLEL_WAVEGAN, mrstft_loss
    >>> y = torch.randn(2, 8000, generator=torch.manual_seed(0))
    >>> mrstft_loss(0.5 * y, y, w_lin=0, reduction="none")  # log 2
    tensor([0.6931, 0.6931])
    >>> mrstft_loss(0.5 * y, y, **PARALLEL_WAVEGAN)
    tensor(1.1931)
    """
    x, y = check_pair(x, y, 1, "samples")
    resolutions = read_resolutions(hop_lengths, win_lengths, fft_sizes, window, x)
    one = [cast("Scale | None", scale)]
    scales = list(scale) if _are_several(scale) else one * len(resolutions)
    if len(scales) != len(resolutions):
        raise SpecInvError(
            f"scale has {len(scales)} items, but there are {len(resolutions)} resolutions."
        )
    compared = [Terms(scale=one, **terms) for one in scales]
    return reduce(compare_at(x, y, resolutions, compared, weighting), reduction)


def keep_windows(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the windows, and the scales if there are several, as lists of tensors to keep."""
    several = _are_several(settings["scale"])
    Terms.among({**settings, "scale": None} if several else settings)
    names = ("hop_lengths", "win_lengths", "fft_sizes", "window")
    resolutions = read_resolutions(*(settings[name] for name in names))
    kept = {"window": [resolution.window for resolution in resolutions]}
    if _are_several(settings["scale"]):
        kept["scale"] = list(settings["scale"])
    return kept


class MultiResolutionSTFTLoss(module_of(mrstft_loss, keep_windows)):
    """:func:`mrstft_loss` as a module, with the windows as buffers.

    With ``**PARALLEL_WAVEGAN`` it is the loss of that vocoder, which other packages know by this
    name.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import PARALLEL_WAVEGAN, MultiResolutionSTFTLoss
    >>> loss = MultiResolutionSTFTLoss(**PARALLEL_WAVEGAN)
    >>> bool(loss(*torch.randn(2, 3, 4000)) > 0)
    True
    """


class MultiResolutionKeywords(TermKeywords, total=False):
    """The keywords of :func:`mrstft_loss`, but for the reduction."""

    hop_lengths: Counts
    win_lengths: Counts
    fft_sizes: Counts | None
    window: Window | Sequence[Window]
    scale: Scale | Sequence[Tensor] | None
    weighting: Callable[[Tensor], Tensor] | None


@documented
@keywords_of(mrstft_loss, **SMOOTH)
def smooth_mrstft_loss(
    x: Tensor, y: Tensor, *, reduction: str = "mean", **settings: Unpack[MultiResolutionKeywords]
) -> Tensor:
    r"""Multi-resolution STFT loss in the configuration with the smoothest gradients.

    :func:`mrstft_loss` with flat-top windows of 67 to 2053 samples, and the squared distance of
    :math:`\log(1 + |X|)`.

    Parameters
    ----------
    {waves}
    {resolutions}
    {reduction}

    Returns
    -------
    {loss}

    Raises
    ------
    {refused_if_short}

    References
    ----------
    - Schwär, Müller: "Multi-scale spectral loss revisited", 2023.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import smooth_mrstft_loss
    >>> y = torch.randn(2, 8000, generator=torch.manual_seed(0))
    >>> bool(smooth_mrstft_loss(0.9 * y, y) < smooth_mrstft_loss(0.5 * y, y))
    True
    """
    return mrstft_loss(x, y, **settings, reduction=reduction)


class SmoothMultiResolutionSTFTLoss(
    module_of(smooth_mrstft_loss, keep_windows, MultiResolutionSTFTLoss)
):
    """:func:`smooth_mrstft_loss` as a module, with the windows as buffers.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import SmoothMultiResolutionSTFTLoss
    >>> bool(SmoothMultiResolutionSTFTLoss()(*torch.randn(2, 3, 4000)) > 0)
    True
    """
