"""The doctor: what an array of numbers probably is, and how to invert it.

``measure`` measures an array. ``units`` and ``kinds`` list what it might be. ``weighing`` gives
each of these a probability, and ``diagnosing`` makes a :class:`Diagnosis` of the likeliest, which
``wording`` puts into words.
"""

from .alarm import warn_unless_magnitude
from .diagnosing import diagnose
from .diagnosis import Diagnosis
from .recorded import warn_unless_recorded

__all__ = ["Diagnosis", "diagnose", "warn_unless_magnitude", "warn_unless_recorded"]
