r"""Samples that windows hardly see, or not at all.

With ``center=False`` and a window that fades to zero, the envelope is almost 0 at the first and the
last samples. There least squares turns the slightest inconsistency of a spectrum into a click
hundreds of times louder than the signal. Noise of variance :math:`\sigma_m^2` in frame m has the
variance :math:`v = D^{-2} \sum_m w_m^2 \sigma_m^2` in the waveform, so these samples are scaled
by the Wiener gain :math:`p / (p + v)`, with p the power of the other samples. Without inconsistency
the wave stays as it is.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import SpecInvError
from .geometry import Geometry
from .windows import largest_hop


def calm(wave: Tensor, variance: Tensor, poorly_covered: Tensor, seen: Tensor) -> Tensor:
    """Return waves (batch, length) whose samples with hardly any envelope are scaled.

    `variance` is that of the noise in each sample; the last two tell which samples have hardly any
    envelope, and which have any at all.
    """
    usual = seen & ~poorly_covered
    level = torch.where(usual, wave, 0).square().sum(-1, keepdim=True)
    level = level / usual.sum(-1, keepdim=True).clamp_min(1)
    kept = level / torch.where(level > 0, level + variance, 1)
    return torch.where(poorly_covered, wave * kept, wave)


def lost_inside(seen: Tensor) -> Tensor:
    """Return how many samples that no frame covers lie between samples that are covered.

    All, if none is covered.
    """
    inside = (seen.cumsum(0) > 0) & (seen.flip(0).cumsum(0).flip(0) > 0)
    return torch.where(seen.any(), inside & ~seen, True).sum()


def refuse_lost(lost: int, geometry: Geometry) -> None:
    """Raise if so many samples are lost."""
    if lost:
        g = geometry
        raise SpecInvError(
            f"hop_length={g.hop_length} with this window loses {lost} of {g.length} samples: "
            "no frame sees them, so no method can restore them. "
            f"hop_length={largest_hop(g.window, g.hop_length)} would do."
        )
