"""The algorithms: one file each, which registers itself."""

from .admm import ADMM
from .griffin_lim import GriffinLim
from .lbfgs import LBFGS
from .rtisi_la import RTISILA

__all__ = ["ADMM", "LBFGS", "RTISILA", "GriffinLim"]
