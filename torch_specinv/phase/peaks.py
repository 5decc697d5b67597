"""The peaks of a magnitude along frequency, and the bins that belong to each."""

from __future__ import annotations

import torch
from torch import Tensor


def find_peaks(s: Tensor) -> tuple[Tensor, Tensor]:
    """Return where the peaks of (..., bins) are, and which rows (..., 1) have none.

    A peak is larger than the bin above and not smaller than the one below. The first and the last
    bin are none. In a row without any, each bin counts as one.
    """
    peak = torch.zeros_like(s, dtype=torch.bool)
    peak[..., 1:-1] = (s[..., 1:-1] > s[..., 2:]) & (s[..., 1:-1] >= s[..., :-2])
    flat = ~peak.any(-1, keepdim=True)
    return peak | flat, flat


def peak_of_each_bin(s: Tensor, peak: Tensor) -> Tensor:
    """Return the bin (..., bins) of the peak that each bin belongs to, up the slope it lies on."""
    bins = s.shape[-1]
    here = torch.arange(bins, device=s.device)
    left = torch.where(peak, here, -1).cummax(-1).values
    right = torch.where(peak, here, bins).flip(-1).cummin(-1).values.flip(-1)
    rising = torch.zeros_like(peak)
    rising[..., :-1] = s[..., 1:] >= s[..., :-1]
    take_right = ((rising & (right < bins)) | (left < 0)) & ~peak
    return torch.where(take_right, right, left)
