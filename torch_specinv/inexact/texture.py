"""How rough a spectrogram is, next to that of a waveform which comes near to it."""

from __future__ import annotations

import torch
from torch import Tensor

from ..transform.sizes import ceil_div

# What is this far below the largest value of an item is not looked at: -50 dB.
_AUDIBLE = 10 ** (-50 / 20)
# Of fewer pairs of neighbours nothing is said.
_PAIRS = 500
# Smaller shares of the largest value are raised to this one before logarithms are taken.
_FLOOR = 1e-7
# Values of an item that are looked at at a time
_AT_A_TIME = 2**17


def audible(target: Tensor, degree: float = 1.0, peak: Tensor | None = None) -> Tensor:
    """Return where (batch, rows, frames) is within 50 dB of the largest value of its item.

    `degree` is 2 for powers; of some frames the `peak` of all is given, (batch, 1, 1).
    """
    peak = target.amax((-2, -1), keepdim=True) if peak is None else peak
    return target > _AUDIBLE**degree * peak


@torch.no_grad()
def relative_roughness(
    target: Tensor, observed: Tensor, degree: float = 1.0
) -> tuple[Tensor, Tensor]:
    r"""Return how rough `target` is, relative to `observed`, along rows and along frames: (batch,).

    .. math:: \frac{\sum |\Delta \log S|}{\sum |\Delta \log |A x||}

    summed over neighbours that are both audible in the target. 0 where there are too few to tell.
    """
    # frames with a frame's rows side by side in memory, as targets are, and some at a time
    target, observed = target.mT, observed.mT
    peak = target.amax((-2, -1), keepdim=True)
    size = ceil_div(_AT_A_TIME, target.shape[-1])
    sums = torch.stack(
        [
            _sums(target[:, some], observed[:, some], peak, degree, size)
            for some in (slice(i, i + size + 1) for i in range(0, target.shape[1], size))
        ]
    ).sum(0)
    along_rows, along_frames = (_ratio(*each) for each in sums)
    return along_rows, along_frames


def _sums(target: Tensor, observed: Tensor, peak: Tensor, degree: float, size: int) -> Tensor:
    """Return how rough both are and of how many pairs, along rows and along frames: (2, 3, batch).

    What the last frame has along its rows is left to the next frames, whose first one it is.
    """
    mask, floor = audible(target, degree, peak), _FLOOR**degree * peak
    wanted, there = (x.maximum(floor).clamp_min_(_FLOOR).log_() for x in (target, observed))
    own = slice(0, size)
    along_rows = _pairs(wanted[:, own], there[:, own], mask[:, own], -1)
    return torch.stack([along_rows, _pairs(wanted, there, mask, -2)])


def _pairs(wanted: Tensor, there: Tensor, mask: Tensor, dim: int) -> Tensor:
    size = mask.shape[dim] - 1
    both = mask.narrow(dim, 0, size) & mask.narrow(dim, 1, size)
    rough, usual = (x.diff(dim=dim).abs_().mul_(both).flatten(1).sum(1) for x in (wanted, there))
    return torch.stack([rough, usual, both.flatten(1).sum(1).to(rough.dtype)])


def _ratio(rough: Tensor, usual: Tensor, pairs: Tensor) -> Tensor:
    known = (usual > 0) & (pairs >= _PAIRS)
    return torch.where(known, rough / torch.where(known, usual, 1), 0)
