"""Spectrogram phase inversion in PyTorch: a magnitude goes in, a waveform comes out."""

from . import losses, metrics
from .algorithms import GriffinLim
from .config import show_config
from .constraints import Constraint
from .doctor import Diagnosis, diagnose
from .errors import SpecInvError
from .long import LongInversion, invert_long
from .methods import (
    ADMM,
    L_BFGS,
    RTISI_LA,
    griffin_lim,
    invert,
    invert_transform,
    mel_to_audio,
    phase_init,
    wave_init,
)
from .phase import register_phase
from .solve import Algorithm, Inversion, PointwiseAlgorithm, Report, Status, Step, register
from .transform.geometry import ConventionWarning
from .transform.stft import STFT
from .version import __version__

__all__ = [
    "ADMM",
    "L_BFGS",
    "RTISI_LA",
    "STFT",
    "Algorithm",
    "Constraint",
    "ConventionWarning",
    "Diagnosis",
    "GriffinLim",
    "Inversion",
    "LongInversion",
    "PointwiseAlgorithm",
    "Report",
    "SpecInvError",
    "Status",
    "Step",
    "__version__",
    "diagnose",
    "griffin_lim",
    "invert",
    "invert_long",
    "invert_transform",
    "losses",
    "mel_to_audio",
    "metrics",
    "phase_init",
    "register",
    "register_phase",
    "show_config",
    "wave_init",
]
