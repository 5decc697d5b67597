"""Engines: ways to carry out the iterations of a pointwise rule, and the choice of one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from ..errors import SpecInvError
from ..plugins import guarded, is_foreign
from ..registry import Registry
from ..solve.algorithm import PointwiseAlgorithm
from ..solve.backend import VARIABLE, read_backend
from ..solve.checked import CheckedRule
from ..solve.problem import SpectrogramProblem
from .base import Engine
from .chunked import ChunkedEngine
from .cuda_graph import GraphEngine, is_large, recorded
from .native import NativeEngine
from .native_training import NativeTraining
from .torch_engine import TorchEngine
from .triton_engine import TritonEngine

__all__ = [
    "ENGINES",
    "VARIABLE",
    "ChunkedEngine",
    "Engine",
    "EngineChoice",
    "GraphEngine",
    "NativeEngine",
    "TorchEngine",
    "TritonEngine",
    "choose_engine",
    "recorded",
]

#: The engines by the name that ``backend=`` takes, beside "auto"; the fastest first.
ENGINES: Registry[type[Engine[Any]]] = Registry("backend")
for _engine in (NativeEngine, TritonEngine, GraphEngine, ChunkedEngine, TorchEngine):
    ENGINES[_engine.name] = _engine
#: Those of them that run where a gradient is wanted.
_DIFFERENTIABLE: dict[str, type[Engine[Any]]] = {
    _engine.name: _engine for _engine in (NativeTraining, TorchEngine)
}


@dataclass(frozen=True)
class EngineChoice:
    """Makes a solver with the first of some engines that can run the algorithm."""

    names: tuple[str, ...]
    """Which engines to ask, in this order."""
    wish: str
    """How the user asked for them, for messages."""
    gradient: bool
    """Whether the result has to carry a derivative, or values are mapped over."""

    def __call__(
        self, problem: SpectrogramProblem, algorithm: PointwiseAlgorithm, steps: int
    ) -> Engine[Any]:
        """Return the engine that carries out the rule."""
        if is_foreign(algorithm):
            # a rule that writes into the target does so in a copy, and the errors stay true
            constraint = problem.constraint.map_tensors(torch.clone)
            problem = replace(problem, known=constraint)
            algorithm = guarded(algorithm, CheckedRule)
        engine = self.chosen(problem, algorithm, steps)
        if isinstance(engine, str):
            raise SpecInvError(f"{self.wish} can't run this: {engine}.")
        return engine(problem, algorithm, steps)

    def chosen(
        self, problem: SpectrogramProblem, algorithm: PointwiseAlgorithm, steps: int
    ) -> type[Engine[Any]] | str:
        """Return the first engine that can run the rule of an algorithm, or why none can."""
        obstacle = None
        for name in self.names:
            engine = (_DIFFERENTIABLE if self.gradient else ENGINES).get(name, ENGINES[name])
            obstacle = self.obstacle(name) or engine.obstacle(problem, algorithm, steps)
            if obstacle is None and len(self.names) > 1:
                obstacle = engine.unsuited(problem, algorithm, steps)
            if obstacle is None:
                return engine
        return str(obstacle)

    def records(self, problem: SpectrogramProblem) -> bool:
        """Tell whether steps on a problem are to be recorded, and played back."""
        recorded = {GraphEngine.name, TritonEngine.name} & set(self.names)
        if not recorded or self.obstacle(GraphEngine.name) is not None:
            return False
        asked = len(self.names) == 1
        return problem.target.device.type == "cuda" and (asked or is_large(problem) is None)

    def obstacle(self, name: str) -> str | None:
        """Return why an engine can't be used for any problem here, or None if it can."""
        if self.gradient and name not in _DIFFERENTIABLE:
            return (
                "it carries no gradient, and something here requires one, or torch.func is at "
                "work: use 'auto', or torch.no_grad() outside of torch.func"
            )
        return ENGINES[name].missing()


def choose_engine(backend: str, *, gradient: bool) -> EngineChoice:
    """Return what makes solvers with the engine of that name or, for "auto", with the fastest.

    Raises
    ------
    SpecInvError
        If the name is unknown, the engine can't run here, or it has no gradient but needs one.
    """
    backend, wish = read_backend(backend, ENGINES)
    if backend == "auto":
        automatic = tuple(name for name, engine in ENGINES.items() if engine.automatic)
        return EngineChoice(automatic, wish, gradient)
    choice = EngineChoice((backend,), wish, gradient)
    obstacle = choice.obstacle(backend)
    if obstacle:
        raise SpecInvError(f"{wish} can't run this: {obstacle}.")
    return choice
