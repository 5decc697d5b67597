"""How rough a spectrogram is, next to that of a waveform which comes near to it."""

from __future__ import annotations

import torch
from torch import Tensor

# What is this far below the largest value of an item is not looked at: -50 dB.
_AUDIBLE = 10 ** (-50 / 20)
# Of fewer pairs of neighbours nothing is said.
_PAIRS = 500
# Smaller shares of the largest value are raised to this one before logarithms are taken.
_FLOOR = 1e-7


def audible(target: Tensor, degree: float = 1.0) -> Tensor:
    """Return where (batch, rows, frames) is within 50 dB of the largest value of its item.

    `degree` is 2 for powers.
    """
    return target > _AUDIBLE**degree * target.amax((-2, -1), keepdim=True)


@torch.no_grad()
def relative_roughness(
    target: Tensor, observed: Tensor, degree: float = 1.0
) -> tuple[Tensor, Tensor]:
    r"""Return how rough `target` is, relative to `observed`, along rows and along frames: (batch,).

    .. math:: \frac{\sum |\Delta \log S|}{\sum |\Delta \log |A x||}

    summed over neighbours that are both audible in the target. 0 where there are too few to tell.
    """
    # frames with a frame's rows side by side in memory, as targets are
    target, observed = target.mT, observed.mT
    mask = audible(target, degree)
    floor = _FLOOR**degree * target.amax((-2, -1), keepdim=True)
    wanted, there = (x.maximum(floor).clamp_min_(_FLOOR).log_() for x in (target, observed))
    along_rows = _ratio(wanted, there, mask, -1)
    return along_rows, _ratio(wanted, there, mask, -2)


def _ratio(wanted: Tensor, there: Tensor, mask: Tensor, dim: int) -> Tensor:
    size = mask.shape[dim] - 1
    both = mask.narrow(dim, 0, size) & mask.narrow(dim, 1, size)
    rough, usual = (_sum(x.diff(dim=dim).abs_(), both) for x in (wanted, there))
    known = (usual > 0) & (both.flatten(1).sum(1) >= _PAIRS)
    return torch.where(known, rough / torch.where(known, usual, 1), 0)


def _sum(x: Tensor, mask: Tensor) -> Tensor:
    return x.mul_(mask).flatten(1).sum(1)
