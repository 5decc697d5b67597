"""L-BFGS for a batch of independent problems, each with its own curvature and step.

One step is one evaluation of the objective and its gradient, for all items at once. An item whose
trial point lowers the objective enough moves there and gets a new direction. Any other item stays
and tries a shorter step next. So no item ever gets worse, and none waits for another.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, Self

import torch
from torch import Tensor

from ..solve.solver import Solver
from ..transform.product import product
from .history import History
from .stft_objective import SpectrogramObjective

# A trial must bring this share of the decrease that the slope predicts (Armijo's condition).
_SHARE = 1e-4
# A shorter trial lies between these shares of the last one.
_SHORTER = (0.1, 0.5)
# How much longer steps become where the curvature is negative
_LONGER = 4.0
# The length of the very first step, relative to the norm of the point
_FIRST = 0.01
# Below this step the past moves are forgotten, and the gradient is followed.
_SHORTEST = 1e-3


class Objective(Protocol):
    """A function of points (batch, n) to minimise, and how points stand for waves."""

    @property
    def first_step(self) -> bool:
        """Whether the gradient itself is a sensible first step, or only its direction is."""
        ...

    def evaluate(self, point: Tensor) -> tuple[Tensor, Tensor]:
        """Return values (batch,) and gradients (batch, n)."""
        ...

    def point(self, wave: Tensor) -> Tensor:
        """Return the points for scaled waves (batch, samples)."""
        ...

    def answer(self, point: Tensor) -> Tensor:
        """Return the scaled waves to be returned for points."""
        ...

    def begin(self, spectrum: Tensor) -> Tensor:
        """Return the scaled waves to start from."""
        ...

    def select(self, items: Tensor) -> Self:
        """Keep some items of the batch."""
        ...


@dataclass(frozen=True, eq=False)
class LBFGSState:
    """The point of each item, and the past moves that tell about the curvature."""

    iteration: int
    """Evaluations done so far."""
    point: Tensor
    """The best point of each item, (batch, n)."""
    value: Tensor
    """The objective there, (batch, 1)."""
    gradient: Tensor
    """Its gradient there, (batch, n)."""
    direction: Tensor
    """The direction of the next trial, (batch, n)."""
    step: Tensor
    """The length of the next trial in directions, (batch, 1): 1, or less after failed trials."""
    gamma: Tensor
    """The inverse curvature along the last move, (batch, 1)."""
    history: History
    """The past moves."""


@dataclass(frozen=True, eq=False)
class BatchedLBFGS(Solver[LBFGSState]):
    """Minimises an objective for every item of a batch (Nocedal 1980)."""

    objective: Objective
    steps: int
    history_size: int

    def start(self, spectrum: Tensor) -> LBFGSState:
        """Start from the waves of a spectrum."""
        return self.start_from(self.objective.begin(spectrum))

    def start_from(self, wave: Tensor) -> LBFGSState:
        """Evaluate the starting point; the first direction is down the gradient."""
        point = self.objective.point(wave)
        value, gradient = self.objective.evaluate(point)
        step = torch.ones_like(value)[:, None]
        if not self.objective.first_step:
            # a share of the point's own size, whatever the units of wave and loss
            size, slope = point.norm(dim=1, keepdim=True), gradient.norm(dim=1, keepdim=True)
            step = _FIRST * torch.where(size > 0, size, 1) / torch.where(slope > 0, slope, 1)
        return LBFGSState(
            iteration=0,
            point=point,
            value=value[:, None],
            gradient=gradient,
            direction=-step * gradient,
            step=torch.ones_like(step),
            gamma=torch.ones_like(step) if self.objective.first_step else step,
            history=History.empty(point, self.history_size),
        )

    def start_near(self, wave: Tensor) -> LBFGSState | None:
        """Start from the waves of the spectrum that is nearest to theirs, where there is one."""
        if not isinstance(self.objective, SpectrogramObjective):
            return None
        return self.start_from(self.objective.engine.look(wave)[1])

    def advance(self, state: LBFGSState, until: int) -> LBFGSState:
        """Evaluate one trial point after the other."""
        for _ in range(state.iteration, until):
            state = self._try(state)
        return state

    def settling(self, state: LBFGSState) -> Tensor:
        """Return which items (batch,) are not in the middle of trying shorter steps."""
        return state.step[:, 0] == 1

    def wave(self, state: LBFGSState) -> Tensor:
        """Return the wave of the current point, which is the best so far."""
        return self.objective.answer(state.point)

    def select(self, items: Tensor) -> BatchedLBFGS:
        """Go on with some items of the batch."""
        return replace(self, objective=self.objective.select(items))

    def _try(self, at: LBFGSState) -> LBFGSState:
        trial = torch.addcmul(at.point, at.step, at.direction)
        value, gradient = self.objective.evaluate(trial)
        value = value[:, None]
        drop = at.step * _dot(at.gradient, at.direction)
        good = value <= torch.add(at.value, drop, alpha=_SHARE)
        # NaN is the largest, and not below
        good &= gradient.abs().amax(1, keepdim=True) < torch.inf

        point = torch.where(good, trial, at.point)
        gradient = torch.where(good, gradient, at.gradient)
        move = point - at.point
        history, inner = at.history.add(move, gradient - at.gradient, gradient)
        # of the change with the move, and with itself
        sy, yy = inner[:, 0, -1].split(1, 1)
        learnt = sy > torch.finfo(sy.dtype).eps * (_dot(move, move) * yy).sqrt()
        # where the curvature is negative there is nothing to learn, and longer steps pay; an item
        # that finds no decrease along its direction forgets the past moves, and tries the
        # gradient with a step as short as the last one
        long = at.step >= _SHORTEST
        factor = at.step.masked_fill(long, 1).masked_fill_(good, _LONGER)
        ratio = sy / yy.clamp_min(torch.finfo(yy.dtype).tiny)
        gamma = torch.where(learnt, ratio, at.gamma * factor)
        history, products = history.learn(inner, learnt, good | long)
        # the way down the gradient, with what past moves say where that leads down as well
        weights = history.weights(products, gamma)
        past = product(weights.flatten(1).unsqueeze(1), products.flatten(1).unsqueeze(2))
        rise = torch.addcmul(past.squeeze(2), gamma, _dot(gradient, gradient), value=-1)
        weights = weights.masked_fill(~(rise < 0).unsqueeze(2), 0)
        direction = torch.addcmul(history.combined(weights), gamma, gradient, value=-1)
        anew = good | ~long
        return LBFGSState(
            iteration=at.iteration + 1,
            point=point,
            value=torch.where(good, value, at.value),
            gradient=gradient,
            direction=torch.where(anew, direction, at.direction),
            step=_shorter(at, value, drop).masked_fill(anew, 1),
            gamma=gamma,
            history=history,
        )


def _shorter(at: LBFGSState, value: Tensor, drop: Tensor) -> Tensor:
    """Return where the parabola through both values and the slope is lowest, within limits.

    `drop` is what the slope predicts for the step.
    """
    above = value - at.value - drop
    known = (above > 0) & (above < torch.inf)
    share = -0.5 * drop / above.masked_fill(~known, torch.inf)
    return at.step * share.clamp(*_SHORTER)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner product of each item, shape (batch, 1)."""
    return (a * b).sum(1, keepdim=True)
