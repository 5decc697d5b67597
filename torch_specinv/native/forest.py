"""Phase integrated by compiled code."""

from __future__ import annotations

from collections.abc import Callable
from ctypes import Structure, byref, c_float, c_int64, c_uint32, c_void_p, cast, pointer
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .library import check_outcome, library, sizes_of

# Of more bins the logarithms are made for so many at a time, twice
_AT_A_TIME = 2**17


class Slopes(NamedTuple):
    """Steps of phase that are slopes of the log-magnitude, see :mod:`torch_specinv.phase.pghi`."""

    log: Callable[[slice, slice], Tensor]
    """Returns the logarithms of some items and frames, (items, frames, bins), float32."""
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
    along_time: Tensor | None = None
    """Steps along time, (batch, frames, bins), int32, where these are no slopes."""


class _Slopes(Structure):
    """The Slopes of forest.cpp."""

    _fields_ = (
        *((name, c_void_p) for name in ("log", "carrier", "last")),
        *((name, c_int64) for name in ("frames", "bins", "odd", "even_ends")),
        ("delay", c_uint32),
        *((name, c_float) for name in ("time", "frequency")),
        ("along_time", c_void_p),
        ("forest", c_void_p),
        *((name, c_int64) for name in ("begin", "rows", "end")),
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
    peak = strength.new_ones(len(strength)) if peak is None else peak.contiguous()
    if strength.dtype != torch.float32 or peak.dtype != torch.float32:
        raise AssertionError(f"strengths of {strength.dtype}, relative to {peak.dtype}")
    phase = torch.empty_like(strength, dtype=torch.float32 if unit else torch.int32)
    job = _Job(strength, peak, phase, tol, rounds, unit)
    if not isinstance(steps, Slopes):
        job.call(*(x.contiguous() for x in steps))
        return phase
    batch, frames, bins = strength.shape
    items, size = max(1, _AT_A_TIME // (frames * bins)), max(1, _AT_A_TIME // bins)
    for first in range(0, batch, items):
        some = slice(first, first + items)
        known = None if steps.along_time is None else steps.along_time[some].contiguous()
        last = steps.last[some].contiguous()
        part, own = job.of(some), steps._replace(last=last, along_time=known)
        if frames <= size:
            part.call_slopes(own, own.log(some, slice(0, frames)))
        else:
            part.call_in_parts(own, lambda rows, some=some: steps.log(some, rows), size)
    return phase


class _Job(NamedTuple):
    """What a call is told beside the steps."""

    strength: Tensor
    peak: Tensor
    phase: Tensor
    tol: float
    rounds: int
    unit: float

    def of(self, items: slice) -> _Job:
        """Return the job of some items."""
        return self._replace(
            strength=self.strength[items], peak=self.peak[items], phase=self.phase[items]
        )

    def call(self, time: Tensor, frequency: Tensor) -> None:
        """Integrate steps that are given as tables."""
        none = self.strength.new_zeros(0)
        self._call(time, frequency, none, none, None)

    def call_in_parts(self, steps: Slopes, log: Callable[[slice], Tensor], size: int) -> None:
        """Integrate the slopes of an item, with the logarithms of `size` frames at a time."""
        frames, forest = self.strength.shape[1], c_void_p()
        place = pointer(forest)
        try:
            for begin in [*range(0, frames, size)] * 2:
                end = min(begin + size, frames)
                low = max(begin - 1, 0)
                part = log(slice(low, min(end + 1, frames)))
                self.call_slopes(steps, part, forest=place, begin=low, end=end)
        finally:
            if forest:  # it was interrupted
                self.call_slopes(steps, self.strength[:, :0], forest=place, end=-1)

    def call_slopes(self, steps: Slopes, log: Tensor, **part: Any) -> None:
        """Integrate slopes, from the logarithms of all frames, or of some from `begin` on."""
        log, forest = log.contiguous(), part.pop("forest", None)
        known = log.new_zeros(0).int() if steps.along_time is None else steps.along_time
        slopes = _Slopes(
            log=log.data_ptr(), carrier=steps.carrier.data_ptr(), last=steps.last.data_ptr(),
            frames=self.strength.shape[1], bins=self.strength.shape[2], odd=steps.odd,
            even_ends=steps.even_ends, delay=steps.delay % 2**32, time=steps.time,
            frequency=steps.frequency, along_time=known.data_ptr() if len(known) else None,
            forest=cast(forest, c_void_p), rows=log.shape[1], **part,
        )  # fmt: skip
        types = log.dtype, known.dtype, steps.carrier.dtype, steps.last.dtype
        right = torch.float32, torch.int32, torch.int32, torch.int64
        if types != right or not steps.carrier.is_contiguous():
            raise AssertionError(f"slopes in {steps}")
        self._call(log, known, steps.carrier, steps.last, byref(slopes))

    def _call(
        self, time: Tensor, frequency: Tensor, carrier: Tensor, last: Tensor, slopes: Any
    ) -> None:
        shape = (c_int64 * 3)(*self.strength.shape)
        outcome = library().specinv_integrate(
            self.strength.data_ptr(), self.peak.data_ptr(), time.data_ptr(), frequency.data_ptr(),
            shape, self.tol, self.rounds, self.unit, self.phase.data_ptr(), slopes,
            sizes_of(self.strength, self.peak, time, frequency, self.phase, carrier, last),
        )  # fmt: skip
        check_outcome(outcome, "to integrate the phase")
