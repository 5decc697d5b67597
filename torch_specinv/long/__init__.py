"""Recordings of any length: piece by piece, with the result of the whole."""

from .inversion import LongInversion, invert_long

__all__ = ["LongInversion", "invert_long"]
