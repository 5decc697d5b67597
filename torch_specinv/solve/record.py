"""What is known about a run so far: the best wave of each item, its metrics, its fate."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..metrics import Metric
from .problem import Problem
from .result import Inversion, Status


@dataclass(frozen=True)
class Evaluation:
    """How good a batch of waves is."""

    wave: Tensor
    error: Tensor
    """Squared error of the scaled spectrogram, shape (batch,); infinite where not finite."""
    rounding: Tensor
    """The squared error that comes from rounding alone."""
    values: dict[str, Tensor]
    finite: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, problem: Problem, wave: Tensor, metrics: dict[str, Metric]) -> Evaluation:
        """Measure scaled waves (batch, samples)."""
        observed, target, scale = problem.observe(wave), problem.target, problem.scale
        error = (observed - target).square().flatten(1).sum(1)
        finite = torch.isfinite(error)
        values = {name: f(observed * scale, target * scale) for name, f in metrics.items()}
        energy = target.square().flatten(1).sum(1)
        rounding = energy * (4 * torch.finfo(energy.dtype).eps) ** 2
        return cls(wave, torch.where(finite, error, math.inf), rounding, values, finite)


class Record:
    """Follows every item of a batch, those that still run and those that have stopped."""

    def __init__(self, problem: Problem, wave: Tensor, metrics: dict[str, Metric]) -> None:
        self._problem = problem
        self._metrics = metrics
        start = Evaluation.of(problem, wave, metrics)
        self.best = wave
        self._error = self._first = self._previous = start.error
        self._rows = {name: [values] for name, values in start.values.items()}
        self._evaluated = [0]
        self._iterations = torch.zeros_like(start.error, dtype=torch.int64)
        self._status = [Status.MAX_ITER] * len(wave)

    def update(
        self, iteration: int, problem: Problem, wave: Tensor, items: Tensor, tol: float
    ) -> Tensor:
        """Evaluate the waves of the running `items`; return which of them go on."""
        now = Evaluation.of(problem, wave, self._metrics)
        better = now.error < self._error[items]
        self.best = _put(self.best, items, better, wave)
        self._error = _put(self._error, items, better, now.error)
        for name, rows in self._rows.items():
            rows.append(_put(rows[-1], items, better, now.values[name]))
        change = (self._previous[items] - now.error).abs()
        settled = (change < tol * self._first[items]) | (now.error <= now.rounding)
        self._previous = self._previous.index_copy(0, items, now.error)
        self._iterations[items] = iteration
        self._evaluated.append(iteration)
        self._end(items[settled], Status.CONVERGED)
        self._end(items[~now.finite], Status.NOT_FINITE)
        return now.finite & ~settled

    def stop(self, items: Tensor) -> None:
        """Note that the callback ended the running `items`."""
        self._end(items, Status.STOPPED)

    def _end(self, items: Tensor, status: Status) -> None:
        for item in map(int, items):
            self._status[item] = status

    @property
    def metrics(self) -> dict[str, Tensor]:
        """The latest values of each metric, shape (batch,)."""
        return {name: rows[-1] for name, rows in self._rows.items()}

    def wave(self) -> Tensor:
        """Return the best waves (batch, samples) so far, at the level of the input."""
        return self._problem.unscale(self.best)

    def result(self) -> Inversion:
        """Return what the run came to, with one batch dimension."""
        return Inversion(
            wave=self.wave(),
            history={name: torch.stack(rows) for name, rows in self._rows.items()},
            evaluated=tuple(self._evaluated),
            iterations=self._iterations,
            status=tuple(self._status),
        )


def _put(whole: Tensor, items: Tensor, chosen: Tensor, part: Tensor) -> Tensor:
    """Return `whole` with the rows `items` taken from `part` where `chosen`."""
    chosen = chosen.view(-1, *[1] * (part.ndim - 1))
    if len(items) == len(whole):
        return torch.where(chosen, part, whole)
    return whole.index_copy(0, items, torch.where(chosen, part, whole[items]))
