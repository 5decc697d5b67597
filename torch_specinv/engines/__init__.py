"""Engines: ways to carry out the iterations of a pointwise rule, and the choice of one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from ..errors import SpecInvError, check_choice
from ..registry import Registry
from ..solve.algorithm import PointwiseAlgorithm
from ..solve.problem import SpectrogramProblem
from .base import Engine
from .chunked import ChunkedEngine
from .cuda_graph import GraphEngine, is_large, recorded
from .native import NativeEngine
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

#: The environment variable that says what ``backend="auto"`` means.
VARIABLE = "TORCH_SPECINV_BACKEND"


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
        obstacle = None
        for name in self.names:
            engine = ENGINES[name]
            obstacle = self.obstacle(name) or engine.obstacle(problem, algorithm, steps)
            if obstacle is None and len(self.names) > 1:
                obstacle = engine.unsuited(problem, algorithm, steps)
            if obstacle is None:
                return engine(problem, algorithm, steps)
        raise SpecInvError(f"{self.wish} can't run this: {obstacle}.")

    def records(self, problem: SpectrogramProblem) -> bool:
        """Tell whether steps on a problem are to be recorded, and played back."""
        recorded = {GraphEngine.name, TritonEngine.name} & set(self.names)
        if not recorded or self.obstacle(GraphEngine.name) is not None:
            return False
        asked = len(self.names) == 1
        return problem.target.device.type == "cuda" and (asked or is_large(problem) is None)

    def obstacle(self, name: str) -> str | None:
        """Return why an engine can't be used for any problem here, or None if it can."""
        engine = ENGINES[name]
        if self.gradient and not engine.differentiable:
            return (
                "it carries no gradient, and something here requires one, or torch.func is at "
                "work: use 'auto', or torch.no_grad() outside of torch.func"
            )
        return engine.missing()


def choose_engine(backend: str, *, gradient: bool) -> EngineChoice:
    """Return what makes solvers with the engine of that name or, for "auto", with the fastest.

    Raises
    ------
    SpecInvError
        If the name is unknown, the engine can't run here, or it has no gradient but needs one.
    """
    check_choice("backend", backend, ["auto", *ENGINES])
    wish = f"backend={backend!r}"
    if backend == "auto" and os.environ.get(VARIABLE):
        backend = os.environ[VARIABLE]
        wish = f"{VARIABLE}={backend}"
        check_choice(VARIABLE, backend, ["auto", *ENGINES])
    if backend == "auto":
        automatic = tuple(name for name, engine in ENGINES.items() if engine.automatic)
        return EngineChoice(automatic, wish, gradient)
    choice = EngineChoice((backend,), wish, gradient)
    obstacle = choice.obstacle(backend)
    if obstacle:
        raise SpecInvError(f"{wish} can't run this: {obstacle}.")
    return choice
