"""Engines: ways to carry out the iterations of a pointwise rule.

All give the same result; which one runs is a matter of speed. An engine is a
:class:`~torch_specinv.solve.loop.Solver` made from a problem and an algorithm.
"""

from torch import device

from ...errors import SpecInvError, check_choice
from ...registry import Registry
from ..algorithm import Engine
from .chunked import ChunkedEngine
from .graph import GraphEngine
from .plain import PlainEngine

__all__ = ["ENGINES", "ChunkedEngine", "GraphEngine", "PlainEngine", "choose_engine"]

#: The engines by the name that ``backend=`` takes, beside "auto".
ENGINES: Registry[Engine] = Registry("backend")
ENGINES["torch"] = PlainEngine
ENGINES["chunked"] = ChunkedEngine
ENGINES["graph"] = GraphEngine


def choose_engine(backend: str, *, gradient: bool, where: device) -> Engine:
    """Return the engine of that name, or for "auto" the fastest that applies."""
    check_choice("backend", backend, ["auto", *ENGINES])
    if backend == "auto":
        return PlainEngine if gradient or where.type != "cpu" else ChunkedEngine
    if gradient and ENGINES[backend] is not PlainEngine:
        raise SpecInvError(
            f"backend={backend!r} carries no gradient, and something here requires one: use "
            "backend='auto', or torch.no_grad()."
        )
    if ENGINES[backend] is GraphEngine and where.type != "cuda":
        raise SpecInvError(f"backend='graph' needs a CUDA device, but spec is on {where}.")
    return ENGINES[backend]
