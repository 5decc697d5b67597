"""The solver: problem, rule, engine, loop and result."""

from .algorithm import ALGORITHMS, Algorithm, Memory, Step, hyperparameters, register
from .loop import Callback, Report, Run, Solver
from .problem import Constraint, Magnitude, Problem
from .result import Inversion, Status

__all__ = [
    "ALGORITHMS",
    "Algorithm",
    "Callback",
    "Constraint",
    "Inversion",
    "Magnitude",
    "Memory",
    "Problem",
    "Report",
    "Run",
    "Solver",
    "Status",
    "Step",
    "hyperparameters",
    "register",
]
