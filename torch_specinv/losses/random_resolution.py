"""The STFT loss at resolutions drawn anew each time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor

from ..derivatives import by_value, value_of
from ..errors import SpecInvError, shown
from ..transform.named_windows import WindowName, is_named, named_window, read_window
from .common import check_pair, reduce
from .docstrings import documented
from .module import module_of
from .stft import Resolution, compare_at
from .terms import Terms

RANDOM_WINDOWS = ("hann", "bartlett", "blackman", "hamming", "kaiser")


@documented
def random_resolution_stft_loss(
    x: Tensor,
    y: Tensor,
    *,
    resolutions: int = 3,
    min_n_fft: int = 16,
    max_n_fft: int = 16384,
    min_hop: float = 0.1,
    max_hop: float = 1.0,
    windows: WindowName | Sequence[WindowName] = RANDOM_WINDOWS,
    w_sc: float = 1.0,
    w_log: float = 1.0,
    w_lin: float = 0.0,
    w_phase: float = 0.0,
    floor: float = 1e-4,
    generator: torch.Generator | None = None,
    reduction: str = "mean",
) -> Tensor:
    """STFT loss at resolutions drawn anew in each call, so that a model can fit none of them.

    The n_fft of each is a power of two, the hop a share of it, the window is 1, 1/2 or 1/4 of
    it long, and its shape is drawn as well.

    Parameters
    ----------
    {waves}
    resolutions : int, default 3
        How many.
    min_n_fft, max_n_fft : int, default 16 and 16384
        Powers of two, both included. Larger ones than the signal are not drawn.
    min_hop, max_hop : float, default 0.1 and 1.0
        Shares of n_fft.
    windows : sequence of str, float, or tuple of str and float
        What to draw from; see :func:`stft_loss`.
    w_sc, w_log, w_lin, w_phase, floor
        See :func:`stft_loss`.
    generator : torch.Generator, optional
        Draws; on the CPU. Default: torch's own.
    {reduction}

    Returns
    -------
    {loss}

    Raises
    ------
    {refused}
        Or if a range is empty, or the signal is shorter than the smallest window.

    References
    ----------
    - Steinmetz, Reiss: "auraloss: audio-focused loss functions in PyTorch", 2020.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import random_resolution_stft_loss
    >>> y = torch.randn(2, 8000, generator=torch.manual_seed(0))
    >>> loss = random_resolution_stft_loss(
    ...     0.5 * y, y, w_log=0, generator=torch.Generator().manual_seed(0)
    ... )
    >>> round(float(loss), 4)
    0.5
    """
    x, y = check_pair(x, y, 1, "samples")
    drawn = draw_resolutions(
        x.shape[-1], resolutions, (min_n_fft, max_n_fft), (min_hop, max_hop), windows, generator
    )
    made = [
        Resolution(n_fft, hop, named_window(name, win, x.dtype, x.device))
        for n_fft, hop, win, name in drawn
    ]
    terms = Terms(w_sc=w_sc, w_log=w_log, w_lin=w_lin, w_phase=w_phase, floor=floor)
    return reduce(compare_at(x, y, made, [terms] * len(made)), reduction)


class RandomResolutionSTFTLoss(module_of(random_resolution_stft_loss)):
    """:func:`random_resolution_stft_loss` as a module; its generator continues from call to call.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import RandomResolutionSTFTLoss
    >>> loss = RandomResolutionSTFTLoss(generator=torch.Generator().manual_seed(0))
    >>> x, y = torch.randn(2, 3, 4000)
    >>> bool(loss(x, y) != loss(x, y))
    True
    """


def draw_resolutions(
    samples: int,
    count: int,
    sizes: tuple[int, int],
    hops: tuple[float, float],
    windows: WindowName | Sequence[WindowName],
    generator: torch.Generator | None,
) -> list[tuple[int, int, int, WindowName]]:
    """Draw n_fft, hop_length, win_length and window of each resolution."""
    least, most = sizes
    # reflection needs half a frame and one sample more
    low, high = (least - 1).bit_length(), min(most, samples, 2 * (samples - 1)).bit_length() - 1
    given: Any = [windows] if is_named(windows) else windows
    if not isinstance(given, (list, tuple)) or not given:
        raise SpecInvError(f"windows={shown(windows)}: expected names of windows, at least one.")
    names = list(cast(Sequence[WindowName], given))
    for name in names:
        if not is_named(name):
            raise SpecInvError(f"windows has {shown(name)}: expected names of windows.")
        read_window(name, name="windows")
    if (least - 1).bit_length() > most.bit_length() - 1 or not hops[0] <= hops[1]:
        raise SpecInvError(
            f"min_n_fft={least} to max_n_fft={most}, min_hop={hops[0]} to max_hop={hops[1]} of it: "
            "one of these leaves nothing to draw from."
        )
    if high < low:
        raise SpecInvError(
            f"x and y have {samples} samples, too few for the smallest n_fft, {2**low}."
        )
    found: list[tuple[int, int, int, WindowName]] = []
    drawn = value_of(by_value(lambda: torch.rand(count, 4, generator=generator, device="cpu")))
    for size, hop, share, window in drawn.tolist():
        n_fft = 2 ** (low + int(size * (high - low + 1)))
        hop_length = max(1, int(n_fft * (hops[0] + hop * (hops[1] - hops[0]))))
        win_length = max(1, n_fft >> int(share * 3))
        found.append((n_fft, hop_length, win_length, names[int(window * len(names))]))
    return found
