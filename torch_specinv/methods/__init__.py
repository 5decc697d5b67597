"""The documented functions: a spectrogram in, a waveform out."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..inversion.invert import invert
from .admm import ADMM
from .griffin_lim import griffin_lim
from .mel_to_audio import mel_to_audio
from .phase_init import phase_init
from .rtisi_la import RTISI_LA

if TYPE_CHECKING:
    from ..inversion.invert_transform import invert_transform
    from .l_bfgs import L_BFGS
    from .separation import separate
    from .wave_start import wave_init

__all__ = [
    "ADMM",
    "L_BFGS",
    "RTISI_LA",
    "griffin_lim",
    "invert",
    "invert_transform",
    "mel_to_audio",
    "phase_init",
    "separate",
    "wave_init",
]

# Those for any transform, and what only they need, are imported when they are asked for.
_LATER = {
    "L_BFGS": ".l_bfgs",
    "invert_transform": "..inversion.invert_transform",
    "separate": ".separation",
    "wave_init": ".wave_start",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(_LATER[name], __name__), name)
    globals()[name] = found
    return found
