"""What an inversion returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from torch import Tensor

from ..metrics import metric_info


class Status(StrEnum):
    """Why an item's iterations ended."""

    MAX_ITER = "max_iter"
    """The budget was used up."""
    START = "start"
    """No iterate had a smaller error than the start, which is returned as it was."""
    CONVERGED = "converged"
    """The error no longer changed by more than the tolerance, or is only rounding."""
    STOPPED = "stopped"
    """The callback asked for it."""
    INEXACT = "inexact"
    """The target was found to be that of no waveform: more iterations would fit its errors."""
    NOT_FINITE = "not_finite"
    """The iteration diverged; the best wave before that is returned."""


@dataclass(frozen=True, eq=False)
class RunState:
    """What is needed to go on: the monitor of all items and the state of those that can."""

    monitor: Any
    """The :class:`~.monitor.Monitor` as of the last evaluation that a longer run makes as well."""
    state: Any
    """The state of the solver, for the items that had not ended."""
    steps: int
    """Iterations done."""
    problem: Any = None
    """What identifies the problem that was solved, by name."""
    parts: Sequence[Any] = ()
    """The items and the state of each part, where a batch did not fit in memory as a whole."""


@dataclass(frozen=True, eq=False)
class Inversion:
    """A waveform and how it came about.

    Attributes
    ----------
    wave : Tensor
        Shape (..., samples), in the dtype and on the device of the input: the best iterate by the
        error or, of the algorithms that say so and of items that are not exact, the last one.
    history : dict of str to Tensor
        For each metric its values, shape (evaluations, ...), in dB for the metrics of the package;
        :func:`torch_specinv.metrics.metric_info` tells the unit of others. Row i describes the wave
        that would have been returned after ``evaluated[i]`` iterations; the last describes `wave`
        (before it is rounded to half precision, where the input has that). The row of an item
        that stopped early is repeated.
    evaluated : tuple of int
        The iterations after which the metrics were taken; the first is 0, the start.
    iterations : Tensor
        Shape (...): how many iterations each item took.
    status : tuple of Status
        Why each item ended, in row-major order of the batch dimensions.
    inconsistency : Tensor
        Shape (...), in dB: the least spectral convergence of all iterates that were evaluated,
        whichever was returned. No lower one was found, so that this is about how far the
        spectrogram is from that of any waveform. It is the error relative to that of silence; NaN
        for an arbitrary transform with a loss of its own.
    kinds : tuple of str
        What ``auto`` took each item for, in row-major order: "exact", "noisy", "blurred" or
        "coarse", see :class:`torch_specinv.inexact.kinds.Kind`. Empty for other algorithms.
    state : RunState
        For ``invert(..., resume=inversion)``, which goes on where this run ended.
    per_source : dict of str to Tensor
        Of the sources of a mixture: each metric of each source alone, shape (..., sources), for the
        wave that is returned. (The history has one value for all sources of a mixture.) Else empty.
    """

    wave: Tensor
    history: dict[str, Tensor]
    evaluated: tuple[int, ...]
    iterations: Tensor
    status: tuple[Status, ...]
    inconsistency: Tensor
    kinds: tuple[str, ...] = ()
    state: RunState | None = None
    per_source: dict[str, Tensor] = field(default_factory=dict[str, Tensor])

    def __repr__(self) -> str:
        last = ", ".join(
            f"{name}={metric_info(name).with_unit(float(values[-1].mean()))}"
            for name, values in self.history.items()
        )
        ends = ", ".join(sorted({str(status) for status in self.status}))
        inexact = sorted(set(self.kinds) - {"exact"})
        found = f", magnitude={', '.join(inexact)}" if inexact else ""
        return (
            f"Inversion(wave={tuple(self.wave.shape)}, iterations={self.evaluated[-1]}, "
            f"{last}, status={ends}{found})"
        )
