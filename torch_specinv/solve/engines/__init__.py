"""Engines: ways to carry out the iterations of a pointwise rule.

All give the same result; which one runs is a matter of speed. An engine is a
:class:`~torch_specinv.solve.loop.Solver` made from a problem and an algorithm.
"""

from ...registry import Registry
from .plain import PlainEngine

__all__ = ["ENGINES", "PlainEngine"]

#: The engines by the name that ``backend=`` takes; "auto" picks the fastest that applies.
ENGINES: Registry[type[PlainEngine]] = Registry("backend")
ENGINES["torch"] = PlainEngine
