"""Algorithms one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ..errors import SpecInvError
from ..solve.algorithm import Algorithm, Engine
from ..solve.chain import ChainSolver
from ..solve.problem import SpectrogramProblem
from ..solve.solver import Solver


@dataclass(frozen=True)
class Chain(Algorithm):
    """Run algorithms in turn, each for its share of the budget, each from the last one's wave.

    Parameters
    ----------
    parts : tuple of Algorithm
        What to run, in this order.
    shares : tuple of float
        How the budget is divided; they need not add up to 1.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv import invert
    >>> from torch_specinv.algorithms import LBFGS, RAAR, Chain
    >>> explore_and_polish = Chain((RAAR(0.95), LBFGS()), (0.7, 0.3))
    >>> spec = torch.rand(33, 40, generator=torch.manual_seed(0))
    >>> result = invert(
    ...     spec, explore_and_polish, max_iter=30, window=torch.hann_window(64), verbose=False
    ... )
    >>> result.evaluated
    (0, 10, 20, 30)
    """

    parts: tuple[Algorithm, ...]
    shares: tuple[float, ...]
    default_start: ClassVar[str] = "pghi"
    planned: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if len(self.parts) != len(self.shares) or not self.parts or min(self.shares) <= 0:
            raise SpecInvError(
                f"shares={self.shares!r}: expected a positive share for each of "
                f"{len(self.parts)} parts."
            )
        for part in self.parts:
            if not part.takes_start:
                raise SpecInvError(f"{type(part).__name__} takes no start, so it can't be chained.")

    def solver(self, problem: SpectrogramProblem, budget: int, engine: Engine) -> Solver[Any]:
        """Divide the budget."""
        total, done, given = sum(self.shares), 0.0, 0
        solvers: list[Solver[Any]] = []
        for part, share in zip(self.parts, self.shares, strict=True):
            done += share
            steps = round(budget * done / total) - given
            if steps < 1:
                raise SpecInvError(
                    f"max_iter={budget} leaves no iteration for {type(part).__name__}, whose "
                    f"share is {share / total:.0%}: give it more, or leave that part out."
                )
            given += steps
            solvers.append(part.solver(problem, steps, engine))
        return ChainSolver(problem, tuple(solvers))
