"""Compiled code that iterates on batches laid out in the lanes of SIMD registers.

`lanes.h` has the transforms and rules, `native.cpp` the interface and the choice of instructions;
both are built into a plain shared library where there is a compiler. `library` loads it, `layout`,
`tables` and `edges` prepare what it is told, and `plan` calls it.
"""

from .layout import Layout, choose_layout, useful_threads
from .library import Row, Rule, missing, widths
from .plan import NativePlan
from .tables import radices_of

__all__ = [
    "Layout",
    "NativePlan",
    "Row",
    "Rule",
    "choose_layout",
    "missing",
    "radices_of",
    "useful_threads",
    "widths",
]
