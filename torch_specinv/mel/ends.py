r"""The ends of waves whose frames are not centred, faded where next to nothing is known of them.

There a sample lies under the edge of one window only, :math:`w_n \approx 0`. Synthesis divides by
it, and so what magnitudes leave open becomes a click many times as loud as the sound. With the
envelope :math:`e_n = \sum_k w_{n - ka}^2` and its usual value e, the wave is multiplied by

.. math:: \min(1, \, 10 \, e_n / e) .
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..transform.sizes import ceil_div

# The share of the usual envelope from which on a wave stays as it is. Smaller, and clicks are
# left; larger, and nothing is gained.
_ENOUGH = 0.1


def fade_ends(wave: Tensor, window: Tensor, hop_length: int, ends: Tensor | None = None) -> Tensor:
    """Return waves (..., samples) without clicks at their ends.

    Parameters
    ----------
    wave : Tensor
        Shape (..., samples).
    window : Tensor
        Shape (win_length,). The first frame begins where the wave does.
    hop_length : int
        Samples between frames.
    ends : Tensor, optional
        The samples of each item. Default: all of the wave.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.mel.ends import fade_ends
    >>> wave = fade_ends(torch.ones(1000), torch.hann_window(400), 100)
    >>> wave[0].item(), wave[500].item(), bool(wave[0] < wave[20] < wave[100])
    (0.0, 1.0, True)
    """
    samples, span = wave.shape[-1], len(window)
    first = _rise(window, hop_length).to(wave)
    final = _rise(window.flip(0), hop_length).to(wave)
    if ends is None:
        frames = (samples - span) // hop_length
        begin, end = max(0, frames * hop_length), samples
    else:
        begin, end = 0, ends.to(wave.device).reshape(*wave.shape[:-1], 1)
    # the last frame ends here: what lies behind it is not in any
    last = span + (end - span) // hop_length * hop_length - 1
    place = torch.arange(begin, samples, device=wave.device)
    faded = wave.clone()
    faded[..., :span].mul_(first[:samples])
    faded[..., begin:].mul_(final[(last - place).clamp(0, span - 1)])
    return faded


def _rise(window: Tensor, hop_length: int) -> Tensor:
    """Return the factors (win_length,) at the start, where frames go on without end."""
    power = window.abs().square()
    blocks = ceil_div(len(power), hop_length)
    padded = torch.nn.functional.pad(power, (0, blocks * hop_length - len(power)))
    envelope = padded.view(blocks, hop_length).cumsum(0).flatten()[: len(power)]
    return (envelope * (hop_length / (_ENOUGH * power.sum()))).clamp_max(1)
