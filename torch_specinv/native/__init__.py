"""Compiled code that iterates on batches laid out in the lanes of SIMD registers.

`fourier.h` has the transforms, `lanes.h` the rules and the trips, `bands.h` the projections on sums
over bins, `adjoint.h` goes backwards through iterations for their gradient, `native.cpp` has the
interface and the choice of instructions, and `online.h` takes in frames that arrive one by one;
`forest.cpp` integrates phases, `peaks.cpp` locks them to peaks, and `sinusoids.cpp` follows peaks.
All are built into a plain shared library where there is a compiler. `library` loads it, `layout`,
`tables` and `boundary` prepare what it is told, `plan`, `bands`, `online`, `forest`, `peaks` and
`sinusoids` call it.
"""

from .bands import BankTables, NativeBank, smooth
from .forest import Slopes, integrate
from .layout import Layout, choose_layout
from .library import Row, Rule, missing, widths
from .online import NativeOnline, OnlineTensors
from .peaks import lock
from .plan import NativePlan
from .sinusoids import follow
from .tables import radices_of

__all__ = [
    "BankTables",
    "Layout",
    "NativeBank",
    "NativeOnline",
    "NativePlan",
    "OnlineTensors",
    "Row",
    "Rule",
    "Slopes",
    "choose_layout",
    "follow",
    "integrate",
    "lock",
    "missing",
    "radices_of",
    "smooth",
    "widths",
]
