"""Inversion of frames as they arrive."""

from .core import OnlineInverter, OnlineState
from .guess import Arrival, Guess, LeastSquaresGuess
from .streaming import RTISI

__all__ = ["RTISI", "Arrival", "Guess", "LeastSquaresGuess", "OnlineInverter", "OnlineState"]
