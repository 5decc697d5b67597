"""The doctor: what an array of numbers probably is, and how to invert it.

``measure`` measures, ``units`` and ``kinds`` list what there might be, ``weighing`` compares the
two, and ``diagnosing`` says it in words.
"""

from .alarm import warn_unless_magnitude
from .diagnosing import diagnose
from .diagnosis import Diagnosis

__all__ = ["Diagnosis", "diagnose", "warn_unless_magnitude"]
