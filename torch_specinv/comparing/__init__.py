"""Compare every method, and those of other packages, on the same magnitudes."""

from .files import compare_files
from .measure import Clip, check_methods, compare
from .peers import installed_peers
from .store import Measurement, read_store
from .summary import curves, equal_iterations, equal_time

__all__ = [
    "Clip",
    "Measurement",
    "check_methods",
    "compare",
    "compare_files",
    "curves",
    "equal_iterations",
    "equal_time",
    "installed_peers",
    "read_store",
]
