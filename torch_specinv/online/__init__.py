"""Inversion of frames that arrive one by one."""

from .core import OnlineInverter
from .guess import Arrival, Guess, LeastSquaresGuess, ZeroGuess
from .guesses import GUESSES
from .pghi import PGHIGuess
from .rtisi import RTISI
from .spsi import SPSIGuess
from .state import OnlineState
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
