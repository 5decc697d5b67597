"""Compare every method, and those of other packages, on the same magnitudes."""

from .degrade import DEGRADATIONS, Degradation, register_degradation
from .files import compare_files
from .listening import Clip, left_out
from .measure import check_methods, compare
from .peers import installed_peers
from .prediction import Prediction
from .store import Measurement, read_store
from .summary import curves, equal_iterations, equal_time

__all__ = [
    "DEGRADATIONS",
    "Clip",
    "Degradation",
    "Measurement",
    "Prediction",
    "check_methods",
    "compare",
    "compare_files",
    "curves",
    "equal_iterations",
    "equal_time",
    "installed_peers",
    "left_out",
    "read_store",
    "register_degradation",
]
