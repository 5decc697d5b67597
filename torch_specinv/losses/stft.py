"""The loss between the STFTs of two waveforms, at one resolution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Unpack, cast

import torch
from torch import Tensor

from ..checks import check_values
from ..errors import SpecInvError, check_count
from ..transform.named_windows import Window, WindowName, named_window, read_window
from ..transform.padding import least_length
from .common import check_pair, reduce
from .docstrings import documented
from .keywords import keywords_of
from .module import module_of
from .spectra import spectra
from .terms import Scale, TermKeywords, Terms


@dataclass(frozen=True, eq=False)
class Resolution:
    """One STFT: n_fft, hop length and window (win_length,)."""

    n_fft: int
    hop_length: int
    window: Tensor

    @classmethod
    def of(
        cls,
        n_fft: int,
        hop_length: int | None,
        win_length: int | None,
        window: Window,
        like: Tensor | None = None,
    ) -> Resolution:
        """Read the numbers; a window by name is made for signals `like` the given one."""
        n_fft = check_count("n_fft", n_fft)
        window = read_window(window, None if like is None else like.device)
        if isinstance(window, Tensor):
            length = len(window) if win_length is None else check_count("win_length", win_length)
            if len(window) != length or window.is_complex():
                raise SpecInvError(
                    f"window has shape {tuple(window.shape)} and dtype {window.dtype}: expected "
                    f"real numbers of the shape (win_length,) = ({length},)."
                )
            check_values(window, "window", silent=False)
        else:
            if window is None:  # pyright: ignore[reportUnnecessaryComparison]
                raise SpecInvError("window=None: expected its name, such as 'hann', or a tensor.")
            length = check_count("win_length", n_fft if win_length is None else win_length)
            dtype = None if like is None else like.dtype
            window = named_window(
                cast(WindowName, window), length, dtype, None if like is None else like.device
            )
        if length > n_fft:
            raise SpecInvError(
                f"win_length={length}, of the window, is larger than n_fft={n_fft}: pass an n_fft "
                "that holds it."
            )
        hop = max(1, n_fft // 4) if hop_length is None else check_count("hop_length", hop_length)
        return cls(n_fft, hop, window)

    def transform(self, wave: Tensor) -> Tensor:
        """Return spectra (..., bins, frames) of waves (..., samples), padded by reflection."""
        samples, length = wave.shape[-1], len(self.window)
        if samples < max(length, least_length(self.n_fft // 2, "reflect")):
            raise SpecInvError(
                f"x and y have {samples} samples, too few for a window of {length} with "
                f"n_fft={self.n_fft}: pad them, or use a shorter one."
            )
        return spectra(wave, self.window.to(wave), self.hop_length, self.n_fft)


@documented
@keywords_of(Terms)
def stft_loss(
    x: Tensor,
    y: Tensor,
    *,
    n_fft: int = 1024,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Window = "hann",
    scale: Scale | None = None,
    weighting: Callable[[Tensor], Tensor] | None = None,
    reduction: str = "mean",
    **terms: Unpack[TermKeywords],
) -> Tensor:
    r"""Spectral convergence plus log-magnitude distance of two STFTs.

    .. math::

        w_{sc} \frac{\lVert Y - X \rVert_F}{\lVert Y \rVert_F}
        + w_{log} \frac1K \sum_k | \log X_k - \log Y_k |
        + w_{lin} \frac1K \sum_k | X_k - Y_k | + w_{phase} \, \ell_{phase}

    with X and Y the magnitudes of estimate and target, at least `floor`.

    Parameters
    ----------
    {waves}
    n_fft, hop_length, win_length : int
        Of the STFT, with centred frames and reflected ends. Default: 1024, n_fft // 4, n_fft.
    window : str, float, tuple of str and float, or Tensor, default "hann"
        A name such as "hann", a name and its parameter ("kaiser", 14.0), a number, which is the
        beta of a Kaiser window, or a tensor (win_length,). The names are those of
        :data:`torch_specinv.transform.named_windows.WINDOWS`.
    {terms}
    {scale}
    {fit}
    {weighting}
    {reduction}

    Returns
    -------
    {loss}

    Raises
    ------
    {refused_if_short}

    References
    ----------
    {arik_2018}

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import stft_loss
    >>> y = torch.randn(2, 8000, generator=torch.manual_seed(0))
    >>> stft_loss(y, y), stft_loss(0.5 * y, y, w_log=0)
    (tensor(0.), tensor(0.5000))
    """
    x, y = check_pair(x, y, 1, "samples")
    resolution = Resolution.of(n_fft, hop_length, win_length, window, x)
    losses = compare_at(x, y, [resolution], [Terms(scale=scale, **terms)], weighting)
    return reduce(losses, reduction)


def _keep_window(settings: dict[str, Any]) -> dict[str, Any]:
    Terms.among(settings)
    names = ("n_fft", "hop_length", "win_length", "window")
    return {"window": Resolution.of(*(settings[name] for name in names)).window}


class STFTLoss(module_of(stft_loss, _keep_window)):
    """:func:`stft_loss` as a module, with the window and the scale as buffers.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import STFTLoss, mel_scale
    >>> loss = STFTLoss(n_fft=512, scale=mel_scale(16000, 512, 40))
    >>> bool(loss(*torch.randn(2, 3, 4000)) > 0)
    True
    """


def compare_at(
    x: Tensor,
    y: Tensor,
    resolutions: list[Resolution],
    terms: list[Terms],
    weighting: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Return the mean over resolutions of the loss of each item (...) of checked waves."""
    if weighting is not None:
        x, y = weighting(x), weighting(y)
    losses = [
        term.compare(r.transform(x), r.transform(y))
        for r, term in zip(resolutions, terms, strict=True)
    ]
    return torch.stack(losses).mean(0)
