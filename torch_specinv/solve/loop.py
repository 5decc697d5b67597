"""The only loop: it counts, measures, reports, stops, and keeps the best iterate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar

import torch
from torch import Tensor

from ..errors import check_count, check_not_negative
from ..metrics import Metric
from .problem import Problem
from .progress import progress_bar
from .record import Record
from .result import Inversion

_S = TypeVar("_S")


class Solver(Protocol[_S]):
    """Anything that comes nearer to an answer in iterations; its state is its own affair."""

    def advance(self, state: _S, until: int) -> _S:
        """Return the state after `until` iterations in all."""
        ...

    def wave(self, state: _S) -> Tensor:
        """Return the scaled waves (batch, samples) that are the answer at this point."""
        ...

    def select(self, state: _S, items: Tensor) -> tuple[Self, _S]:
        """Go on with some items of the batch."""
        ...


@dataclass(frozen=True, eq=False)
class Report:
    """What a callback is told at each evaluation.

    Attributes
    ----------
    iteration : int
        Iterations done so far.
    max_iter : int
        Iterations in all.
    metrics : dict of str to Tensor
        Values of each metric, shape (...): those of `wave`.
    wave : Tensor
        Shape (..., samples): what would be returned now.
    """

    iteration: int
    max_iter: int
    metrics: dict[str, Tensor]
    wave: Tensor


Callback = Callable[[Report], Any]


@dataclass(frozen=True)
class Run:
    """How long to iterate and what to tell meanwhile: the same for every method."""

    max_iter: int
    tol: float
    eva_iter: int
    metrics: dict[str, Metric]
    verbose: bool = False
    callback: Callback | None = None

    def __post_init__(self) -> None:
        check_count("max_iter", self.max_iter)
        check_count("eva_iter", self.eva_iter)
        check_not_negative("tol", self.tol, "tol=0 runs all iterations.")

    def solve(
        self, solver: Solver[_S], state: _S, problem: Problem, shape: torch.Size
    ) -> Inversion:
        """Iterate from `state` to the end; `shape` is what a callback sees as the batch.

        The tolerance is per item: one whose squared error has changed by less than `tol` times
        its first value since the last evaluation has converged, and the others go on without it.
        (A rise is no reason to stop: with momentum the error overshoots and comes back.)
        """
        record = Record(problem, solver.wave(state), self.metrics)
        items = torch.arange(len(record.best), device=record.best.device)
        with progress_bar(self.max_iter, visible=self.verbose) as show:
            for iteration in self._evaluations():
                state = solver.advance(state, iteration)
                going = record.update(iteration, problem, solver.wave(state), items, self.tol)
                show(iteration, *next(iter(record.metrics.items())))
                if self._asked_to_stop(iteration, record, shape) and iteration < self.max_iter:
                    record.stop(items[going])
                    break
                if not going.any():
                    break
                if not going.all():
                    left = going.nonzero().flatten()
                    items, problem = items[left], problem.select(left)
                    solver, state = solver.select(state, left)
        return record.result()

    def _evaluations(self) -> list[int]:
        """Return the iterations after which to evaluate."""
        return [*range(self.eva_iter, self.max_iter, self.eva_iter), self.max_iter]

    def _asked_to_stop(self, iteration: int, record: Record, shape: torch.Size) -> bool:
        if self.callback is None:
            return False
        metrics = {name: values.view(shape) for name, values in record.metrics.items()}
        wave = record.wave().reshape(*shape, -1)
        return bool(self.callback(Report(iteration, self.max_iter, metrics, wave)))
