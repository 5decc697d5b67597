"""What a spectrum has to satisfy: its magnitude, sums of magnitudes, or a constraint of yours."""

from .bands import Bands
from .base import Constraint, guard, squared_magnitude
from .magnitude import Magnitude
from .mel_bands import MelBands
from .pairs import Pairs
from .phase_keeping import PhaseKeeping
from .read import MakeConstraint, read_constraint

__all__ = [
    "Bands",
    "Constraint",
    "Magnitude",
    "MakeConstraint",
    "MelBands",
    "Pairs",
    "PhaseKeeping",
    "guard",
    "read_constraint",
    "squared_magnitude",
]
