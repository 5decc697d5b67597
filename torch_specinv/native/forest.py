"""Phase integrated by compiled code."""

from __future__ import annotations

from ctypes import Structure, byref, c_float, c_int64, c_uint32, c_void_p
from typing import NamedTuple

import torch
from torch import Tensor

from .library import check_outcome, library, sizes_of


class Slopes(NamedTuple):
    """Steps of phase that are slopes of the log-magnitude, see :mod:`torch_specinv.phase.pghi`."""

    log: Tensor
    """Logarithms of the magnitude, (batch, frames, bins), float32."""
    carrier: Tensor
    """What a bin advances in a hop, (bins,), int32, in 2^-32 turns; a slope is added."""
    last: Tensor
    """The last frame of each item, (batch,), int64."""
    odd: bool
    """Whether the last bin is its own upper neighbour."""
    even_ends: bool
    """Whether there is no slope along frequency in the first and the last frame."""
    delay: int
    """What the phase goes from bin to bin, modulo 2^32; a slope is added."""
    time: float
    """By what differences of sums of two logarithms along frequency are multiplied."""
    frequency: float
    """The same along time."""


class _Slopes(Structure):
    """The Slopes of forest.cpp."""

    _fields_ = (
        *((name, c_void_p) for name in ("log", "carrier", "last")),
        *((name, c_int64) for name in ("frames", "bins", "odd", "even_ends")),
        ("delay", c_uint32),
        *((name, c_float) for name in ("time", "frequency")),
    )


def integrate(
    strength: Tensor,
    steps: Tensor | tuple[Tensor, Tensor] | Slopes,
    tol: float,
    rounds: int,
    peak: Tensor | None = None,
    unit: float = 0.0,
) -> Tensor:
    """Do the same as :func:`torch_specinv.phase.forest.integrate`, with tensors on a CPU.

    Strengths may be relative to the `peak` of each item, (batch,). With a `unit` the phase is
    float32, times it.
    """
    strength = strength.contiguous()
    none, slopes = strength.new_zeros(0), None
    peak = strength.new_ones(len(strength)) if peak is None else peak.contiguous()
    if isinstance(steps, Slopes):
        held = steps = steps._replace(log=steps.log.contiguous())
        first, second, carrier, last = steps.log, none, steps.carrier, steps.last
        slopes = byref(
            _Slopes(
                log=first.data_ptr(), carrier=carrier.data_ptr(), last=last.data_ptr(),
                frames=strength.shape[1], bins=strength.shape[2], odd=steps.odd,
                even_ends=steps.even_ends, delay=steps.delay % 2**32,
                time=steps.time, frequency=steps.frequency,
            )
        )  # fmt: skip
        wrong = first.dtype, carrier.dtype, last.dtype
        if wrong != (torch.float32, torch.int32, torch.int64) or not carrier.is_contiguous():
            raise AssertionError(f"slopes in {held}")
    else:
        first, second = (x.contiguous() for x in steps)
        carrier = last = none
    if strength.dtype != torch.float32 or peak.dtype != torch.float32:
        raise AssertionError(f"strengths of {strength.dtype}, relative to {peak.dtype}")
    phase = torch.empty_like(strength, dtype=torch.float32 if unit else torch.int32)
    shape = (c_int64 * 3)(*strength.shape)
    outcome = library().specinv_integrate(
        strength.data_ptr(), peak.data_ptr(), first.data_ptr(), second.data_ptr(), shape, tol,
        rounds, unit, phase.data_ptr(), slopes,
        sizes_of(strength, peak, first, second, phase, carrier, last),
    )  # fmt: skip
    check_outcome(outcome, "to integrate the phase")
    return phase
