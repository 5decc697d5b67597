"""Spectrogram phase inversion in PyTorch: a magnitude goes in, a waveform comes out."""

from . import metrics
from .algorithms import GriffinLim
from .errors import SpecInvError
from .geometry import ConventionWarning
from .methods import griffin_lim, invert, phase_init
from .phase import register_phase
from .solve import Algorithm, Inversion, PointwiseAlgorithm, Report, Status, Step, register
from .stft import STFT
from .version import __version__

__all__ = [
    "STFT",
    "Algorithm",
    "ConventionWarning",
    "GriffinLim",
    "Inversion",
    "PointwiseAlgorithm",
    "Report",
    "SpecInvError",
    "Status",
    "Step",
    "__version__",
    "griffin_lim",
    "invert",
    "metrics",
    "phase_init",
    "register",
    "register_phase",
]
