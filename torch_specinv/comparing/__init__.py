"""The fair comparison: every method and its peers on the same magnitudes, measured alike."""

from .measure import Clip, Measurement, check_methods, compare, read_store
from .peers import installed_peers
from .summary import curves, equal_iterations, equal_time

__all__ = [
    "Clip",
    "Measurement",
    "check_methods",
    "compare",
    "curves",
    "equal_iterations",
    "equal_time",
    "installed_peers",
    "read_store",
]
