"""What is known about a run so far: the best wave of each item, its metrics, its status."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from ..derivatives import is_hidden
from ..metrics import FROM_ERROR, Metric, sc
from ..plugins import check_returned
from .measuring import measure
from .problem import Problem
from .result import Inversion, Status


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How good a batch of waves is. All tensors have the shape (batch,)."""

    wave: Tensor
    """Scaled, (batch, samples)."""
    error: Tensor
    """What is to become small; infinite where it is not finite."""
    energy: Tensor | None
    """The error of silence, if errors are squared differences."""
    exact: Tensor
    """Where the error is no more than rounding, bool."""
    finite: Tensor
    """Where the error is finite, bool."""
    values: dict[str, Tensor]
    """The value of each metric, at the level of the input."""

    @classmethod
    @torch.no_grad()
    def of(
        cls, problem: Problem, wave: Tensor, error: Tensor | None, metrics: dict[str, Metric]
    ) -> Evaluation:
        """Measure scaled waves (batch, samples); `error` (batch,) is theirs, where it is known."""
        energy = problem.energy
        _check_waves(wave, error, problem)
        if energy is not None and all(
            any(f is known for known in FROM_ERROR) for f in metrics.values()
        ):
            error = problem.error(wave, None) if error is None else error
            values = {name: FROM_ERROR[f](error, energy) for name, f in metrics.items()}
        else:
            observed, target, unit = problem.observe(wave), problem.target, problem.unit
            error = problem.error(wave, observed)
            # the sources of an item count as one spectrogram
            whole = (observed * unit).flatten(1, -2), (target * unit).flatten(1, -2)
            values = measure(metrics, *whole, problem.frame_counts)
        finite = torch.isfinite(error)
        # forward mode knows no torch.no_grad
        values = {name: value.detach() for name, value in values.items()}
        error = torch.where(finite, error.detach(), math.inf)
        energy = None if energy is None else energy.detach()
        return cls(wave, error, energy, error <= problem.rounding(), finite, values)


def _check_waves(wave: Any, error: Any, problem: Problem) -> None:
    """Raise unless these are waves, and their errors; only a solver of a user's makes others."""
    like, items = problem.scale, problem.scale.shape[:1]
    known = isinstance(wave, Tensor) and wave.ndim in (2, 3)  # of items, or of their sources
    check_returned(wave, "the solver", (*items, *(wave.shape[1:] if known else (-1,))), like)
    if error is not None:
        check_returned(error, "the solver, as its errors,", items, like)


@dataclass(frozen=True, eq=False)
class Monitor:
    """Follows every item of a batch, those that still run and those that have stopped."""

    best: Tensor
    """The wave of each item that would be returned now, scaled, shape (batch, samples)."""
    error: Tensor
    """The error of these waves, shape (batch,)."""
    least: Tensor
    """The least error so far, whichever wave is returned, shape (batch,)."""
    energy: Tensor | None
    """The error of silence, shape (batch,), if errors are squared differences."""
    first: Tensor
    """The size of the error before the first step, shape (batch,): what `tol` refers to."""
    previous: Tensor
    """The error to compare the next one with, shape (batch,)."""
    kept: Tensor
    """After how many steps the wave to be returned was made, shape (batch,), int64."""
    steps: Tensor
    """How many steps each item took, shape (batch,), int64."""
    status: tuple[Status | None, ...]
    """How each item ended; None while it runs."""
    evaluated: tuple[int, ...]
    """After how many steps it was evaluated; the first is 0."""
    kinds: tuple[str, ...] = ()
    """What kind of spectrogram each item was found to hold, or ()."""
    ended: Tensor | None = None
    """Which items have ended, bool (batch,), where torch.vmap hides that, so that all run on."""
    history: dict[str, tuple[Tensor, ...]] = field(default_factory=dict[str, tuple[Tensor, ...]])

    @classmethod
    def begin(cls, start: Evaluation, kinds: tuple[str, ...] = ()) -> Monitor:
        """Start with the waves before the first step."""
        return cls(
            best=start.wave,
            error=start.error,
            least=start.error,
            energy=start.energy,
            first=start.error.abs(),
            previous=start.error,
            kept=torch.zeros_like(start.error, dtype=torch.int64),
            steps=torch.zeros_like(start.error, dtype=torch.int64),
            status=(None,) * len(start.wave),
            evaluated=(0,),
            kinds=kinds,
            history={name: (values,) for name, values in start.values.items()},
        )

    def converge(
        self,
        items: Tensor,
        now: Evaluation,
        tol: float | None,
        settling: Tensor | None,
        enough: Tensor | None = None,
    ) -> Monitor:
        """Note which of the running `items` end.

        `tol` is None where the last evaluation is too recent to tell whether an item has converged.
        `settling` (batch,) tells for which items a small change means that; None is for all.
        `enough` (batch,) tells which of the others end as further steps would fit errors only.
        """
        settled, previous = now.exact, self.previous
        if tol is not None:
            some = self._some(items)
            change = (_take(previous, some) - now.error).abs()
            small = change < tol * _take(self.first, some)
            settled = settled | (small if settling is None else small & settling)
            previous = now.error if some is None else previous.index_copy(0, some, now.error)
        monitor = replace(self, previous=previous)
        # the first that is true says how an item ends
        ways = {Status.NOT_FINITE: ~now.finite, Status.CONVERGED: settled}
        if enough is not None:
            ways[Status.INEXACT] = enough
        return monitor._leave(items, ways)

    def _leave(self, items: Tensor, ways: dict[Status, Tensor]) -> Monitor:
        """Note how the running `items` end, where one of some conditions (batch,) is true."""
        if self.ended is not None:
            return replace(self, ended=torch.stack([self.ended, *ways.values()]).any(0))
        status = list(self.status)
        # all at once: on a device this waits, as the only thing that an evaluation asks it
        for item, *found in torch.stack([items, *ways.values()], 1).tolist():
            ends = (end for end, holds in zip(ways, found, strict=True) if holds)
            status[item] = status[item] or next(ends, None)
        return replace(self, status=tuple(status))

    def keep(self, step: int, items: Tensor, now: Evaluation, *, last: Tensor | bool) -> Monitor:
        """Take over waves of the running `items`: the better ones and, where `last`, all finite."""
        if self.ended is None and is_hidden(now.error):
            return replace(self, ended=torch.zeros_like(self.kept, dtype=torch.bool)).keep(
                step, items, now, last=last
            )
        # errors that are not finite are infinite here, and as good as each other
        some = self._some(items)
        error = _take(self.error, some)
        better, moved = now.error <= error, now.error < error
        better = better & now.finite
        if last is not False:
            last = torch.as_tensor(last, device=better.device)
            better = torch.where(last, now.finite, better)
            moved = torch.where(last, now.finite, moved)
        nearer = now.error < _take(self.least, some)
        steps = self.steps.index_fill(0, items, step)
        if self.ended is not None:
            better, moved, nearer = (chosen & ~self.ended for chosen in (better, moved, nearer))
            steps = torch.where(self.ended, self.steps, step)
        return replace(
            self,
            kept=_put(self.kept, some, moved, torch.full_like(items, step)),
            least=_put(self.least, some, nearer, now.error),
            best=_put(self.best, some, better, now.wave),
            error=_put(self.error, some, better, now.error),
            steps=steps,
            evaluated=(*self.evaluated, step),
            history={
                name: (*rows, _put(rows[-1], some, better, now.values[name]))
                for name, rows in self.history.items()
            },
        )

    def _some(self, items: Tensor) -> Tensor | None:
        """Return items, which are in order, or None if they are all."""
        return None if items.shape[0] == len(self.status) else items

    def running(self) -> list[int]:
        """Return the items that have not ended."""
        return [i for i, status in enumerate(self.status) if status is None]

    def end(self, status: Status) -> Monitor:
        """End all items that still run."""
        return replace(self, status=tuple(status if s is None else s for s in self.status))

    def resume(self) -> Monitor:
        """Let the items that ran out of budget, or were stopped, run on."""
        ended = (Status.CONVERGED, Status.NOT_FINITE)
        return replace(self, status=tuple(s if s in ended else None for s in self.status))

    @property
    def metrics(self) -> dict[str, Tensor]:
        """The latest values of each metric, shape (batch,)."""
        return {name: rows[-1] for name, rows in self.history.items()}

    def wave(self, problem: Problem) -> Tensor:
        """Return the waves (batch, samples) at the level of the input."""
        return self.best * problem.scale[:, 0]

    def result(self, problem: Problem) -> Inversion:
        """Return what the run came to, with one batch dimension."""
        if is_hidden(self.kept, self.steps):
            status = (Status.HIDDEN,) * len(self.status)
        else:
            counts = torch.stack([self.kept, self.steps], 1).tolist()
            status = tuple(self._status(s, *c) for s, c in zip(self.status, counts, strict=True))
        return Inversion(
            wave=self.wave(problem),
            history={name: torch.stack(rows) for name, rows in self.history.items()},
            evaluated=self.evaluated,
            iterations=self.steps,
            status=status,
            inconsistency=self._inconsistency(),
            kinds=self.kinds,
        )

    @torch.no_grad()
    def per_source(self, problem: Problem, metrics: dict[str, Metric]) -> dict[str, Tensor]:
        """Return the metrics of each source alone, (batch, sources), of items that have several."""
        if problem.scale.ndim < 4:
            return {}
        observed, target, unit = problem.observe(self.best), problem.target, problem.unit
        pair = (observed * unit).flatten(0, 1), (target * unit).flatten(0, 1)
        counts, each = problem.frame_counts, target.shape[1]
        if counts is not None:
            counts = counts.repeat_interleave(each)
        values = measure(metrics, *pair, counts)
        return {name: value.unflatten(0, (-1, each)) for name, value in values.items()}

    @staticmethod
    def _status(status: Status | None, kept: int, steps: int) -> Status:
        """Say so where all iterations were for nothing."""
        if status in (None, Status.MAX_ITER) and kept == 0 and steps > 0:
            return Status.START
        return status or Status.MAX_ITER

    def _inconsistency(self) -> Tensor:
        """Return the least spectral convergence in dB, (batch,), NaN if errors are no squares."""
        if self.energy is None:
            return torch.full_like(self.least, math.nan)
        return FROM_ERROR[sc](self.least, self.energy)


def _take(whole: Tensor, items: Tensor | None) -> Tensor:
    """Return the rows `items`, or all of them."""
    return whole if items is None else whole[items]


def _put(whole: Tensor, items: Tensor | None, chosen: Tensor, part: Tensor) -> Tensor:
    """Return `whole` with the rows `items`, or all, taken from `part` where `chosen`."""
    if part.ndim > 1:
        if items is None and _are_all(chosen):
            return part
        chosen = chosen.view(-1, *[1] * (part.ndim - 1))
    if items is None:
        return torch.where(chosen, part, whole)
    return whole.index_copy(0, items, torch.where(chosen, part, whole[items]))


def _are_all(chosen: Tensor) -> bool:
    """Tell whether all are chosen, where that costs less than copying waves."""
    cheap = chosen.device.type == "cpu" and not torch.compiler.is_compiling()
    return cheap and not is_hidden(chosen) and bool(chosen.all())
