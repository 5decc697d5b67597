"""The first phases of frames that arrive one by one, by name."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import SpecInvError
from ..registry import Registry
from ..transform.geometry import Geometry
from .guess import Guess, LeastSquaresGuess, ZeroGuess
from .pghi import PGHIGuess
from .spsi import SPSIGuess

#: Makes the guess for a look-ahead.
MakeGuess = Callable[[int], Guess]


def _least_squares(_look_ahead: int) -> Guess:
    return LeastSquaresGuess()


def _zero(_look_ahead: int) -> Guess:
    return ZeroGuess()


def _spsi(_look_ahead: int) -> Guess:
    return SPSIGuess()


def _pghi(look_ahead: int) -> Guess:
    return PGHIGuess(2 if look_ahead > 0 else 1)


#: The starts of frames by the name that ``init=`` takes.
GUESSES: Registry[MakeGuess] = Registry("init")
GUESSES["least_squares"] = _least_squares
GUESSES["pghi"] = _pghi
GUESSES["spsi"] = _spsi
GUESSES["zero"] = _zero


def read_guess(
    init: str | Guess, look_ahead: int, geometry: Geometry, argument: str = "init"
) -> Guess:
    """Return the guess that a user asks for, by name or as it is."""
    if isinstance(init, str):
        guess = GUESSES.named(init, argument)(look_ahead)
    elif callable(init) and isinstance(getattr(init, "past", None), int):
        guess = init
    else:
        raise SpecInvError(
            f"{argument}={init!r}: expected one of {', '.join(GUESSES)}, or a Guess, which is "
            "called with an Arrival and has the number `past`."
        )
    if isinstance(guess, PGHIGuess):
        guess.check(geometry)
    return guess
