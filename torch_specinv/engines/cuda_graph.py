"""The graph engine: an iteration is recorded once on a CUDA device, and played back."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..errors import warn
from ..solve.algorithm import PointwiseAlgorithm
from ..solve.problem import SpectrogramProblem
from ..solve.recorded import Recorded
from ..solve.recording import Recorder, record
from ..solve.solver import Solver
from .base import Engine, TripState, goes_on
from .schedule import Scheduled
from .torch_engine import TorchEngine

# Of so many bins a kernel takes longer than its launch, and nothing is gained any more
_MOST_BINS = 2**23


class GraphEngine(Recorded, Engine[TripState]):
    """Plays back the iterations of the engine "torch".

    Rules that are the same in all iterations, or differ in numbers alone, can be recorded.
    """

    name = "graph"
    takes = "rules that are steady or numbers, on a CUDA device, without gradients; played back"

    def __init__(
        self,
        problem: SpectrogramProblem,
        algorithm: PointwiseAlgorithm,
        steps: int,
        recorder: Recorder = record,
    ) -> None:
        self.problem, self.algorithm = problem, algorithm
        plain, steady = TorchEngine(problem, algorithm, steps), None
        schedule = None if algorithm.steady else Scheduled.of(algorithm, steps, problem.target)
        if schedule is not None:
            steady = TorchEngine(problem, schedule, steps), schedule.counter
        super().__init__(plain, 1, steady, recorder)
        if not algorithm.steady and schedule is None:
            self.fail()
            warn(
                f"backend='graph': {_not_steady(algorithm)}: they are launched one by one.",
                RuntimeWarning,
            )

    @classmethod
    def missing(cls) -> str | None:
        """Return why it can't run here, or None where there is a CUDA device."""
        return None if torch.cuda.is_available() else "it needs a CUDA device, and there is none"

    @classmethod
    def obstacle(
        cls, problem: SpectrogramProblem, algorithm: PointwiseAlgorithm, steps: int
    ) -> str | None:
        """Return None for spectrograms on a CUDA device."""
        where = problem.target.device
        return None if where.type == "cuda" else f"it needs a CUDA device, but spec is on {where}"

    @classmethod
    def unsuited(
        cls, problem: SpectrogramProblem, algorithm: PointwiseAlgorithm, steps: int
    ) -> str | None:
        """Return why it is not worth it, or None."""
        if not algorithm.steady and Scheduled.of(algorithm, steps, problem.target) is None:
            return _not_steady(algorithm)
        return is_large(problem)

    def goes_on(self, until: int) -> bool:
        """Whether later iterations have the numbers of the last one."""
        return self.steady is None or goes_on(self.algorithm, self.steps, until)

    def answers_last(self, state: TripState) -> bool:
        """Return what the algorithm says."""
        return self.algorithm.answers_last

    def select(self, items: Tensor) -> GraphEngine:
        """Go on with some items of the batch; that is another recording."""
        part = self.problem.select(items)
        return GraphEngine(part, self.algorithm, self.steps, self.recorder)


def recorded(solver: Solver[Any], problem: SpectrogramProblem, engine: Any) -> Solver[Any]:
    """Let a solver that is no engine's be recorded, where its engine would be.

    Parameters
    ----------
    solver : Solver
        Makes steps that are alike, in states whose shapes stay the same.
    problem : SpectrogramProblem
        What it solves.
    engine : callable
        Makes engines; :class:`~torch_specinv.engines.EngineChoice` says whether they are recorded.
    """
    records = getattr(engine, "records", None)
    return Recorded(solver, 0) if records is not None and records(problem) else solver


def is_large(problem: SpectrogramProblem) -> str | None:
    """Return why recording such a problem gains nothing, or None."""
    bins = problem.target.shape[:-2].numel() * problem.constraint.bins * problem.target.shape[-1]
    return "kernels take longer than their launches" if bins > _MOST_BINS else None


def _not_steady(algorithm: PointwiseAlgorithm) -> str:
    return f"the iterations of {algorithm!r} differ in more than numbers"
