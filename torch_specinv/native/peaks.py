"""Steps of phase that are those of peaks, by compiled code."""

from __future__ import annotations

from ctypes import c_int64

import torch
from torch import Tensor

from .library import check_outcome, library, sizes_of


def lock(
    strength: Tensor, log: Tensor, centre: Tensor, bend: float, floor: float, advance: float
) -> Tensor:
    """Do the same as :func:`torch_specinv.phase.locked.locked_steps`, with tensors on a CPU.

    Parameters
    ----------
    strength, log : Tensor
        Magnitudes (batch, frames, bins) from 0 to 1, and their logarithms, float32.
    centre : Tensor
        What the centre of each bin advances in a hop, (bins,), int32, in 2^-32 turns.
    bend : float
        By what differences of two logarithms are multiplied.
    floor : float
        Strengths below it count as much.
    advance : float
        In 2^-32 turns, for the sum of how many bins two frames are ahead.

    Returns
    -------
    Tensor
        Steps along time, (batch, frames, bins), int32, in 2^-32 turns.
    """
    strength, log, centre = (tensor.contiguous() for tensor in (strength, log, centre))
    if (strength.dtype, log.dtype, centre.dtype) != (torch.float32, torch.float32, torch.int32):
        raise AssertionError(f"strengths of {strength.dtype}, {log.dtype} and {centre.dtype}")
    steps = torch.empty_like(strength, dtype=torch.int32)
    outcome = library().specinv_lock(
        strength.data_ptr(), log.data_ptr(), (c_int64 * 3)(*strength.shape), centre.data_ptr(),
        bend, floor, advance, steps.data_ptr(), sizes_of(strength, log, centre, steps),
    )  # fmt: skip
    check_outcome(outcome, "to lock phases to peaks")
    return steps
