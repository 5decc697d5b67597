"""Engines: ways to carry out the iterations of a pointwise rule.

All give the same result; which one runs is a matter of speed. An engine is a
:class:`~torch_specinv.solve.loop.Solver` made from a problem and an algorithm.
"""

from __future__ import annotations

import os
from typing import Any

from torch import device

from ..errors import SpecInvError, check_choice
from ..native import missing
from ..registry import Registry
from ..solve.algorithm import Engine, PointwiseAlgorithm
from ..solve.problem import SpectrogramProblem
from ..solve.solver import Solver
from .chunked import ChunkedEngine
from .cuda_graph import GraphEngine
from .native import NativeEngine, obstacle_to
from .plain import PlainEngine

__all__ = [
    "ENGINES",
    "VARIABLE",
    "ChunkedEngine",
    "GraphEngine",
    "NativeEngine",
    "PlainEngine",
    "choose_engine",
    "fastest_on_cpu",
]

#: The engines by the name that ``backend=`` takes, beside "auto".
ENGINES: Registry[Engine] = Registry("backend")
ENGINES["torch"] = PlainEngine
ENGINES["chunked"] = ChunkedEngine
ENGINES["native"] = NativeEngine
ENGINES["graph"] = GraphEngine

#: The environment variable that says what ``backend="auto"`` means.
VARIABLE = "TORCH_SPECINV_BACKEND"


def fastest_on_cpu(
    problem: SpectrogramProblem, algorithm: PointwiseAlgorithm, steps: int
) -> Solver[Any]:
    """Return the native engine where it is there and knows the rule, or else the chunked one."""
    fit = obstacle_to(problem, algorithm, steps) is None
    return (NativeEngine if fit else ChunkedEngine)(problem, algorithm, steps)


def choose_engine(backend: str, *, gradient: bool, where: device) -> Engine:
    """Return the engine of that name, or for "auto" the fastest that applies."""
    check_choice("backend", backend, ["auto", *ENGINES])
    name = f"backend={backend!r}"
    if backend == "auto":
        backend = os.environ.get(VARIABLE) or "auto"
        name = f"{VARIABLE}={backend}"
        check_choice(VARIABLE, backend, ["auto", *ENGINES])
    if backend == "auto":
        return PlainEngine if gradient or where.type != "cpu" else fastest_on_cpu
    engine = ENGINES[backend]
    if gradient and engine is not PlainEngine:
        raise SpecInvError(
            f"{name} carries no gradient, and something here requires one: use 'auto', or "
            "torch.no_grad()."
        )
    if engine is GraphEngine and where.type != "cuda":
        raise SpecInvError(f"{name} needs a CUDA device, but spec is on {where}.")
    if engine is NativeEngine and missing():
        raise SpecInvError(f"{name}: there is no native engine here, as {missing()}.")
    return engine
