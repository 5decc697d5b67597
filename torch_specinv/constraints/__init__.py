"""What a spectrum has to satisfy: its magnitude, sums of magnitudes, or a constraint of yours."""

from .bands import Bands
from .base import Constraint, guard, squared_magnitude
from .between import Between
from .confidence import Confidence
from .known_bins import KnownBins
from .magnitude import Magnitude
from .maker import ConstraintMaker
from .mel_bands import MelBands
from .mixture import Mixture
from .pairs import Pairs
from .phase_keeping import PhaseKeeping
from .read import MakeConstraint, read_constraint
from .sources import Sources

__all__ = [
    "Bands",
    "Between",
    "Confidence",
    "Constraint",
    "ConstraintMaker",
    "KnownBins",
    "Magnitude",
    "MakeConstraint",
    "MelBands",
    "Mixture",
    "Pairs",
    "PhaseKeeping",
    "Sources",
    "guard",
    "read_constraint",
    "squared_magnitude",
]
