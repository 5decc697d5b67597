"""The only loop: it counts, measures, reports, stops, and keeps the best iterate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..errors import SpecInvError, check_count, check_not_negative
from ..metrics import Metric
from .monitor import Monitor
from .presentation import Presentation
from .problem import Problem
from .progress import progress_bar
from .result import Inversion, RunState, Status
from .solver import Solver, copy_state, select_items


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
        if self.callback is not None and not callable(self.callback):
            raise SpecInvError(f"callback={self.callback!r}: expected a function of a Report.")

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
        whole = problem
        if resume is None:
            done, state = 0, begin()
            monitor = Monitor.begin(problem, *solver.evaluate(state), self.metrics)
        else:
            done, state, monitor = resume.steps, copy_state(resume.state), resume.monitor.resume()
            if monitor.history.keys() != self.metrics.keys():
                raise SpecInvError(
                    f"resume has a history of {', '.join(monitor.history)}: pass the same metric."
                )
        shared = monitor
        total = solver.steps if solver.unfinished else done + solver.steps
        stride = self.eva_iter * solver.stride
        items = monitor.running()
        if 0 < len(items) < len(monitor.status):
            problem, solver = problem.select(items), solver.select(items)
        with progress_bar(total, visible=self.verbose) as show:
            for step in _evaluations(done, total, stride):
                if len(items) == 0:
                    break
                state = self._advance(solver, state, step)
                monitor = monitor.update(
                    step,
                    problem,
                    *solver.evaluate(state),
                    items,
                    self.metrics,
                    tol=None if solver.unfinished or step % stride else self.tol,
                    settling=solver.settling(state),
                    keep_best=not solver.unfinished,
                )
                show(step, *next(iter(monitor.metrics.items())))
                if step % stride == 0:
                    shared = monitor
                left = torch.isin(items, monitor.running()).nonzero().flatten()
                if len(left) < len(items) and shared is monitor:
                    items = items[left]
                    if len(items) > 0:
                        problem, solver = problem.select(left), solver.select(left)
                        state = select_items(state, left)
                if self.callback is not None:
                    report = Report(
                        iteration=step,
                        max_iter=total,
                        metrics={k: presentation.values(v) for k, v in monitor.metrics.items()},
                        wave=presentation.wave(monitor.wave(whole)),
                    )
                    if _wants_to_stop(self.callback(report)) and step < total:
                        monitor = monitor.end(Status.STOPPED)
                        break
        result = monitor.end(Status.MAX_ITER).result(whole)
        return replace(result, state=RunState(shared, state, max(done, monitor.evaluated[-1])))

    def _advance(self, solver: Solver[Any], state: Any, until: int) -> Any:
        """Step up to `until`, keeping only what checkpointed gradients need."""
        if self.checkpoint is None or not torch.is_grad_enabled():
            return solver.advance(state, until)
        from torch.utils.checkpoint import checkpoint

        for step in range(state.iteration, until, self.checkpoint):
            end = min(step + self.checkpoint, until)
            state = checkpoint(solver.advance, state, end, use_reentrant=False)
        return state


def _evaluations(done: int, total: int, stride: int) -> list[int]:
    """Return after which steps to evaluate: every `stride`, and the last one."""
    return [*range(done + stride - done % stride, total, stride), *[total][: total - done]]


def _wants_to_stop(answer: Any) -> bool:
    """Read what a callback returned."""
    if isinstance(answer, Tensor) and answer.numel() > 1:
        raise SpecInvError(
            f"the callback returned {answer.numel()} values, one for each item: use .all() or "
            ".any() to say whether to stop."
        )
    return bool(answer)
