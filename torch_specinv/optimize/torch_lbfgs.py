"""torch.optim.LBFGS as a solver, for those who want its own settings: item after item."""

from __future__ import annotations

import copy
import inspect
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from ..errors import SpecInvError, check_keywords
from ..solve.solver import Solver
from .transform_problem import TransformObjective

OPTIONS = frozenset(inspect.signature(torch.optim.LBFGS).parameters) - {"params"}


class Memory:
    """What the optimiser of each item remembers, by the number of the item in the whole batch.

    Its tensors have no dimension that numbers the items, so it is not for those who select items.
    It is never written to.
    """

    def __init__(self, optimizers: dict[int, dict[str, Any]] | None = None) -> None:
        self.optimizers = optimizers or {}


@dataclass(frozen=True, eq=False)
class TorchState:
    """The waveforms (items, samples) and what their optimisers remember."""

    iteration: int
    point: Tensor
    memory: Memory = field(default_factory=Memory)


@dataclass(frozen=True, eq=False)
class TorchLBFGS(Solver[TorchState]):
    """Items, each minimised by a torch.optim.LBFGS of its own; a step is one call of ``step``."""

    objective: TransformObjective
    steps: int
    options: dict[str, Any]

    def start(self, spectrum: Tensor) -> TorchState:
        """Start from the initial waves."""
        return TorchState(0, self.objective.begin(spectrum).detach())

    def advance(self, state: TorchState, until: int) -> TorchState:
        """Call the optimisers, one after the other; each evaluates as often as it likes."""
        numbers = self.objective.problem.items
        optimizers, points = dict(state.memory.optimizers), list[Tensor]()
        for place, number in enumerate(numbers.tolist()):
            objective = self.objective.select(torch.tensor([place], device=numbers.device))
            start = state.point[place : place + 1], optimizers.get(number)
            point, optimizers[number] = self._descend(objective, *start, until - state.iteration)
            points.append(point)
        return TorchState(until, torch.cat(points), Memory(optimizers))

    def _descend(
        self,
        objective: TransformObjective,
        point: Tensor,
        memory: dict[str, Any] | None,
        steps: int,
    ) -> tuple[Tensor, dict[str, Any]]:
        """Return one wave (1, samples) after some more steps, and what its optimiser remembers."""
        with torch.enable_grad():
            point = point.clone().requires_grad_()
            optimizer = torch.optim.LBFGS([point], **self.options)
            if memory:
                # the state is a value: the optimiser must not change this one
                optimizer.load_state_dict(copy.deepcopy(memory))

            def closure() -> Tensor:
                losses, point.grad = objective.evaluate(point)
                return losses.sum()

            for _ in range(steps):
                optimizer.step(closure)  # pyright: ignore[reportArgumentType]
        return point.detach(), optimizer.state_dict()

    def wave(self, state: TorchState) -> Tensor:
        """Return the samples."""
        return state.point

    def select(self, items: Tensor) -> TorchLBFGS:
        """Return the solver of some items of the batch."""
        return replace(self, objective=self.objective.select(items))


def check_options(options: dict[str, Any]) -> None:
    """Raise for a keyword that torch.optim.LBFGS does not know."""
    for name in options:
        if name in ("n_iter", "n_iters", "maxiter", "iterations", "num_iters"):
            raise SpecInvError(f"unknown keyword {name!r}. Did you mean 'outer_max_iter'?")
    check_keywords(options, OPTIONS)
