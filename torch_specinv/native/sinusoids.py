"""Sinusoids followed through time by compiled code."""

from __future__ import annotations

from ctypes import c_int64

import torch
from torch import Tensor

from .library import check_outcome, library, sizes_of


def follow(magnitude: Tensor, carrier: Tensor, ratio: float, delay: int) -> Tensor:
    """Do the same as :func:`torch_specinv.phase.spsi.follow`, with tensors on a CPU."""
    if magnitude.dtype not in (torch.float32, torch.float64):
        return follow(magnitude.float(), carrier, ratio, delay).to(magnitude.dtype)
    magnitude, carrier = magnitude.contiguous(), carrier.contiguous()
    phase = torch.empty_like(magnitude)
    shape = (c_int64 * 3)(*magnitude.shape)
    outcome = library().specinv_follow(
        magnitude.data_ptr(), magnitude.element_size(), shape, carrier.data_ptr(), ratio, delay,
        phase.data_ptr(), sizes_of(magnitude, carrier, phase),
    )  # fmt: skip
    check_outcome(outcome, "to follow sinusoids")
    return phase
