"""The solver: problem, rule, engine, loop and result."""

from .algorithm import (
    ALGORITHMS,
    Algorithm,
    Memory,
    Momentum,
    PointwiseAlgorithm,
    Projection,
    Relaxation,
    Step,
    hyperparameters,
    register,
)
from .callback import Callback, Report
from .loop import Run
from .problem import Problem, SpectrogramProblem
from .result import Inversion, Status
from .solver import Solver

__all__ = [
    "ALGORITHMS",
    "Algorithm",
    "Callback",
    "Inversion",
    "Memory",
    "Momentum",
    "PointwiseAlgorithm",
    "Problem",
    "Projection",
    "Relaxation",
    "Report",
    "Run",
    "Solver",
    "SpectrogramProblem",
    "Status",
    "Step",
    "hyperparameters",
    "register",
]
