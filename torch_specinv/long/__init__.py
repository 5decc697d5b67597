"""Recordings of any length: piece by piece, with the result of the whole."""

from .inversion import invert_long
from .writing import LongInversion

__all__ = ["LongInversion", "invert_long"]
