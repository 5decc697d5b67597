"""Spectrogram phase inversion in PyTorch: a magnitude goes in, a waveform comes out."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import metrics
from .algorithms import GriffinLim
from .constraints import Constraint
from .errors import SpecInvError
from .methods import ADMM, RTISI_LA, griffin_lim, invert, mel_to_audio, phase_init
from .phase import register_phase
from .solve import Algorithm, Inversion, PointwiseAlgorithm, Report, Status, Step, register
from .transform.geometry import ConventionWarning
from .transform.stft import STFT
from .version import __version__

if TYPE_CHECKING:
    from . import corpus, io, losses, nn, plots
    from .config import show_config
    from .doctor import Diagnosis, diagnose
    from .io import example
    from .long import LongInversion, invert_long
    from .methods import L_BFGS, invert_transform, separate, wave_init

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
    "corpus",
    "diagnose",
    "example",
    "griffin_lim",
    "invert",
    "invert_long",
    "invert_transform",
    "io",
    "losses",
    "mel_to_audio",
    "metrics",
    "nn",
    "phase_init",
    "plots",
    "register",
    "register_phase",
    "separate",
    "show_config",
    "wave_init",
]

# What an inversion does not need is imported when it is asked for.
_LATER = {
    "Diagnosis": "doctor",
    "L_BFGS": "methods",
    "LongInversion": "long",
    "diagnose": "doctor",
    "example": "io",
    "invert_long": "long",
    "invert_transform": "methods",
    "separate": "methods",
    "show_config": "config",
    "wave_init": "methods",
}
_ROOMS = ("corpus", "io", "losses", "nn", "plots")


def __getattr__(name: str) -> Any:
    if name in _LATER:
        found = getattr(import_module(f".{_LATER[name]}", __name__), name)
    elif name in _ROOMS:
        found = import_module(f".{name}", __name__)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*globals(), *_LATER, *_ROOMS]
