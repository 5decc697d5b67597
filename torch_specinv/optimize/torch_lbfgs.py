"""torch.optim.LBFGS as a solver, for those who want its own settings."""

from __future__ import annotations

import copy
import inspect
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..errors import SpecInvError, check_keywords
from ..solve.solver import Solver
from .transform_problem import TransformObjective

OPTIONS = frozenset(inspect.signature(torch.optim.LBFGS).parameters) - {"params"}


@dataclass(frozen=True, eq=False)
class TorchState:
    """The waveform and what the optimiser remembers."""

    iteration: int
    point: Tensor
    optimizer: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, eq=False)
class TorchLBFGS(Solver[TorchState]):
    """One item, minimised by torch.optim.LBFGS; a step is one call of its ``step``."""

    objective: TransformObjective
    steps: int
    options: dict[str, Any]

    def start(self, spectrum: Tensor) -> TorchState:
        """Start from the initial waves."""
        return TorchState(0, self.objective.begin(spectrum).detach())

    def advance(self, state: TorchState, until: int) -> TorchState:
        """Call the optimiser, which evaluates as often as it likes."""
        with torch.enable_grad():
            point = state.point.clone().requires_grad_()
            optimizer = torch.optim.LBFGS([point], **self.options)
            if state.optimizer:
                # the state is a value: the optimiser must not change this one
                optimizer.load_state_dict(copy.deepcopy(state.optimizer))

            def closure() -> Tensor:
                losses, point.grad = self.objective.evaluate(point)
                return losses.sum()

            for _ in range(state.iteration, until):
                optimizer.step(closure)  # pyright: ignore[reportArgumentType]
        return TorchState(until, point.detach(), optimizer.state_dict())

    def wave(self, state: TorchState) -> Tensor:
        """Return the samples."""
        return state.point

    def select(self, items: Tensor) -> TorchLBFGS:
        """Return itself: there is one item only."""
        return self


def check_options(options: dict[str, Any]) -> None:
    """Raise for a keyword that torch.optim.LBFGS does not know."""
    for name in options:
        if name in ("n_iter", "n_iters", "maxiter", "iterations", "num_iters"):
            raise SpecInvError(f"unknown keyword {name!r}. Did you mean 'outer_max_iter'?")
    check_keywords(options, OPTIONS)
