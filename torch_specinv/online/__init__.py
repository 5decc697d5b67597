"""Inversion of frames that arrive one by one."""

from .core import OnlineInverter, OnlineState
from .guess import Arrival, Guess, LeastSquaresGuess, ZeroGuess
from .guesses import GUESSES
from .pghi import PGHIGuess
from .rtisi import RTISI
from .spsi import SPSIGuess
from .streaming import Streaming

__all__ = [
    "GUESSES",
    "RTISI",
    "Arrival",
    "Guess",
    "LeastSquaresGuess",
    "OnlineInverter",
    "OnlineState",
    "PGHIGuess",
    "SPSIGuess",
    "Streaming",
    "ZeroGuess",
]
