"""The only loop: it counts, measures, reports, stops, and keeps the best iterate."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from heapq import merge
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from ..derivatives import is_transformed
from ..errors import SpecInvError, check_count, check_function, check_not_negative, check_switch
from ..metrics import Metric
from .callback import Callback, Report, wants_to_stop
from .monitor import Evaluation, Monitor
from .presentation import Presentation
from .problem import Problem
from .progress import progress_bar
from .result import Inversion, RunState, Status
from .solver import Solver, copy_state, select_items


@dataclass(frozen=True, eq=False)
class _Running:
    """The items that still run, and what is about them alone."""

    items: Tensor
    """Their numbers in the whole batch."""
    numbers: list[int]
    """The same, where no device is asked for them."""
    problem: Problem
    solver: Solver[Any]
    state: Any
    places: Tensor | None = None
    """Where they are among the items of problem, solver and state, if others are still there."""

    @classmethod
    def of(cls, monitor: Monitor, problem: Problem, solver: Solver[Any], state: Any) -> _Running:
        """Let those run that have not ended."""
        numbers = monitor.running()
        if len(numbers) == len(monitor.status):
            items = torch.arange(len(numbers), device=monitor.best.device)
        else:
            items = _places(numbers, monitor.best)
        return cls(items, numbers, problem, solver, state)

    def without_ended(self, monitor: Monitor) -> _Running:
        """Go on with fewer items, if some have ended."""
        still = set(monitor.running())
        left = [place for place, number in enumerate(self.numbers) if number in still]
        if len(left) == len(self.numbers):
            return self
        chosen = _places(left, self.items)
        fewer = replace(
            self,
            items=self.items[chosen],
            numbers=[self.numbers[place] for place in left],
            places=chosen if self.places is None else self.places[chosen],
        )
        many = 2 * len(left) > len(self.problem.scale)
        return fewer if not left or (self.solver.keeps_shape and many) else fewer.alone()

    def alone(self) -> _Running:
        """Leave out the others."""
        places = self.places
        if places is None or not self.numbers:
            return self
        return _Running(
            self.items,
            self.numbers,
            self.problem.select(places),
            self.solver.select(places),
            select_items(self.state, places),
        )

    def of_these(self, values: Any) -> Any:
        """Keep of tensors, one value an item of the state, those of the items that run."""
        return values if self.places is None else select_items(values, self.places)


def _places(numbers: list[int], like: Tensor) -> Tensor:
    return torch.tensor(numbers, dtype=torch.int64, device=like.device)


@dataclass(frozen=True)
class Run:
    """How long to iterate and what to report meanwhile: the same for every method.

    The fields are the keywords of :func:`torch_specinv.invert`, with the metrics by name.
    """

    max_iter: int
    tol: float
    eva_iter: int
    metrics: dict[str, Metric]
    verbose: bool = False
    callback: Callback | None = None
    checkpoint: int | None = None

    def __post_init__(self) -> None:
        check_count("max_iter", self.max_iter)
        check_count("eva_iter", self.eva_iter)
        check_not_negative("tol", self.tol, "tol=0 runs all iterations.")
        if self.checkpoint is not None:
            check_count("checkpoint", self.checkpoint)
        check_switch("verbose", self.verbose)
        if self.callback is not None:
            check_function("callback", self.callback, "a function of a Report")

    def solve(
        self,
        solver: Solver[Any],
        problem: Problem,
        begin: Callable[[], Any],
        presentation: Presentation,
        resume: RunState | None = None,
    ) -> Inversion:
        """Step from the state that `begin` makes, or where `resume` ended, to the end.

        `presentation` says how a callback gets to see waves and metrics.

        The tolerance is per item: one whose error has changed by less than `tol` times its first
        value since the last evaluation has converged, and the others go on without it. (A rise
        is no reason to stop: with momentum the error overshoots and comes back.)
        """
        done, monitor, running = self._begin(solver, problem, begin, resume)
        shared = monitor
        total = solver.steps if solver.unfinished else done + solver.steps
        stride = self.eva_iter * solver.stride
        with progress_bar(total, visible=self.verbose) as show:
            milestones = running.solver.milestones(running.state)
            for step in _evaluations(done, total, stride, milestones):
                if not running.numbers:
                    break
                running = replace(running, state=self._advance(running, step))
                monitor = self._watch(monitor, running, step, between=step % stride != 0)
                show(step, *next(iter(monitor.metrics.items())))
                if step % stride == 0:
                    shared = monitor
                if step % stride == 0 or step in milestones:
                    running = running.without_ended(monitor)
                if self.callback is not None:
                    values = {
                        name: presentation.values(value.clone())
                        for name, value in monitor.metrics.items()
                    }
                    wave = presentation.wave(monitor.wave(problem))
                    stop = wants_to_stop(self.callback, Report(step, total, values, wave))
                    if stop and step < total:
                        monitor = monitor.end(Status.STOPPED)
                        break
        running.solver.release()
        result = monitor.end(Status.MAX_ITER).result(problem)
        result = replace(result, per_source=monitor.per_source(problem, self.metrics))
        steps = max(done, monitor.evaluated[-1])
        return replace(result, state=RunState(shared, running.alone().state, steps))

    def _begin(
        self,
        solver: Solver[Any],
        problem: Problem,
        begin: Callable[[], Any],
        resume: RunState | None,
    ) -> tuple[int, Monitor, _Running]:
        """Return how many steps are done, what is known, and what still runs."""
        if resume is None:
            state = begin()
            first = Evaluation.of(problem, *solver.evaluate(state), self.metrics)
            monitor = Monitor.begin(first, solver.kinds(state))
            return 0, monitor, _Running.of(monitor, problem, solver, state)
        state, monitor = copy_state(resume.state), resume.monitor.resume()
        if monitor.history.keys() != self.metrics.keys():
            raise SpecInvError(
                f"resume has a history of {', '.join(monitor.history)}: pass the same metric."
            )
        running = _Running.of(monitor, problem, solver, state)
        if 0 < len(running.numbers) < len(monitor.status):
            parts = problem.select(running.items), solver.select(running.items)
            running = replace(running, problem=parts[0], solver=parts[1])
        return resume.steps, monitor, running

    def _watch(self, monitor: Monitor, running: _Running, step: int, *, between: bool) -> Monitor:
        """Evaluate what runs, note what has ended, and keep the best.

        An evaluation `between` the regular ones does not tell whether an item has settled.
        """
        solver, state = running.solver, running.state
        now = Evaluation.of(running.problem, *solver.evaluate(state), self.metrics)
        now = running.of_these(now)
        tol = None if solver.unfinished or between else self.tol
        last = running.of_these(solver.answers_last(state))
        monitor = monitor.keep(step, running.items, now, last=last)
        settling, enough = map(running.of_these, (solver.settling(state), solver.enough(state)))
        return monitor.converge(running.items, now, tol, settling, enough)

    def _advance(self, running: _Running, until: int) -> Any:
        """Return the state after step `until`, keeping only what checkpointed gradients need."""
        solver, state = running.solver, running.state
        if self.checkpoint is None or not torch.is_grad_enabled() or is_transformed():
            return solver.advance(state, until)
        from torch.utils.checkpoint import checkpoint

        for step in range(state.iteration, until, self.checkpoint):
            end = min(step + self.checkpoint, until)
            state = checkpoint(solver.advance, state, end, use_reentrant=False)
        return state


def _evaluations(done: int, total: int, stride: int, milestones: tuple[int, ...]) -> Generator[int]:
    """Yield after which steps to evaluate: every `stride`, the milestones, and the last one.

    They are not listed beforehand, as a run may converge long before its last step.
    """
    others = sorted(step for step in (*milestones, total) if done < step <= total)
    regular = range(done + stride - done % stride, total, stride)
    for step, _ in groupby(merge(regular, others)):
        yield step
