"""Initial phases: each file is one way to guess them, and registers itself."""

from .initial import (
    PHASES,
    PhaseMethod,
    check_init,
    guess_phase,
    register_phase,
    starting_phase,
    starting_spectrum,
)
from .learned import learned
from .locked import locked
from .pghi import pghi
from .random import random
from .spsi import spsi
from .start import Start
from .zero import zero

__all__ = [
    "PHASES",
    "PhaseMethod",
    "Start",
    "check_init",
    "guess_phase",
    "learned",
    "locked",
    "pghi",
    "random",
    "register_phase",
    "spsi",
    "starting_phase",
    "starting_spectrum",
    "zero",
]
