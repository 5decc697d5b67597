"""Phase integrated by compiled code."""

from __future__ import annotations

from ctypes import c_int64

import torch
from torch import Tensor

from .library import check_outcome, library, sizes_of


def integrate(
    strength: Tensor, along_time: Tensor, along_frequency: Tensor, tol: float, rounds: int
) -> Tensor:
    """Do the same as :func:`torch_specinv.phase.forest.integrate`, with tensors on a CPU."""
    strength = strength.contiguous()
    along_time, along_frequency = along_time.contiguous(), along_frequency.contiguous()
    phase = torch.empty_like(along_time)
    shape = (c_int64 * 3)(*strength.shape)
    outcome = library().specinv_integrate(
        strength.data_ptr(), along_time.data_ptr(), along_frequency.data_ptr(), shape, tol, rounds,
        phase.data_ptr(), sizes_of(strength, along_time, along_frequency, phase),
    )  # fmt: skip
    check_outcome(outcome, "to integrate the phase")
    return phase
