"""The documented functions: a spectrogram in, a waveform out."""

from ..inversion.invert import invert
from ..inversion.invert_transform import invert_transform
from .admm import ADMM
from .griffin_lim import griffin_lim
from .l_bfgs import L_BFGS
from .mel_to_audio import mel_to_audio
from .phase_init import phase_init
from .rtisi_la import RTISI_LA
from .wave_init import wave_init

__all__ = [
    "ADMM",
    "L_BFGS",
    "RTISI_LA",
    "griffin_lim",
    "invert",
    "invert_transform",
    "mel_to_audio",
    "phase_init",
    "wave_init",
]
