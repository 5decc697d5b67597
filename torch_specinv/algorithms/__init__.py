"""The algorithms: one file each, which registers itself."""

from .griffin_lim import GriffinLim

__all__ = ["GriffinLim"]
