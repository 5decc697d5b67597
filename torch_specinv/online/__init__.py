"""Inversion of frames as they arrive."""

from .core import OnlineInverter, OnlineState
from .streaming import RTISI

__all__ = ["RTISI", "OnlineInverter", "OnlineState"]
