"""The algorithms: one file each, which registers itself.

Every file of the folder is imported, so that a new one is known without another line.
"""

from importlib import import_module
from pkgutil import iter_modules

from ..solve.relaxed import RelaxedProjections, reflections
from .admm import ADMM
from .agla import AGLA
from .amdr import AMDR
from .auto import Auto
from .chain import Chain
from .difference_map import DifferenceMap
from .griffin_lim import GriffinLim
from .lbfgs import LBFGS
from .pghi import PGHI
from .raar import RAAR
from .rtisi_la import RTISILA

__all__ = [
    "ADMM",
    "AGLA",
    "AMDR",
    "LBFGS",
    "PGHI",
    "RAAR",
    "RTISILA",
    "Auto",
    "Chain",
    "DifferenceMap",
    "GriffinLim",
    "RelaxedProjections",
    "reflections",
]

for _file in iter_modules(__path__):
    import_module(f"{__name__}.{_file.name}")
