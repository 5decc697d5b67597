"""What a spectrum has to satisfy: its magnitude, or sums of magnitudes over bands."""

from .bands import Bands
from .base import Constraint
from .magnitude import Magnitude

__all__ = ["Bands", "Constraint", "Magnitude"]
