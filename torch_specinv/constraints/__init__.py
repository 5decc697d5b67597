"""What a spectrum has to satisfy: its magnitude, sums of magnitudes, or a constraint of yours."""

from .bands import Bands
from .base import Constraint, guard, squared_magnitude
from .magnitude import Magnitude
from .mel_bands import MelBands
from .mixture import Mixture
from .read import MakeConstraint, read_constraint
from .sources import Sources
from .with_transform import WithTransform

__all__ = [
    "Bands",
    "Constraint",
    "Magnitude",
    "MakeConstraint",
    "MelBands",
    "Mixture",
    "Sources",
    "WithTransform",
    "guard",
    "read_constraint",
    "squared_magnitude",
]
