"""Models of sounds and music."""

from __future__ import annotations

from ...images import RIFFUSION
from ..conventions import MelSpec
from ..levels import Levels
from ..recipe import Preset
from .speech_recognition import kaldi

# The mean of AudioSet, and twice its standard deviation
_AUDIOSET = (-4.2677393, 2 * 4.5689974)

SOUNDS: dict[str, Preset] = {
    "audioldm": Preset(
        MelSpec(16000, fmax=8000.0, log="ln", clamp=1e-5), 64, 1024, 160,
        "Liu and others 2023; github.com/haoheliu/AudioLDM, audioldm/audio/, audioldm/utils.py",
    ),
    "riffusion": Preset(
        MelSpec(44100, fmax=10000.0, htk=True, norm=None), 512, 17640, 441,
        "Forsgren, Martiros 2022; github.com/riffusion/riffusion-hobby, spectrogram_params.py, "
        "spectrogram_converter.py", win_length=4410, amplitude=32768.0, image=RIFFUSION,
    ),
    "ast": kaldi(
        128, "hann_symmetric", "Gong, Chung, Glass 2021; github.com/YuanGongND/ast, "
        "src/dataloader.py", *_AUDIOSET,
    ),
    "audiomae": kaldi(
        128, "hann_symmetric", "Huang and others 2022; github.com/facebookresearch/AudioMAE, "
        "dataset.py", *_AUDIOSET,
    ),
    "demucs": Preset(
        Levels(), None, 4096, 1024,
        "Rouard, Massa, Défossez 2023; github.com/facebookresearch/demucs, htdemucs.py: _spec",
        center=False, padding=1536, normalized=True, nyquist=False, sr=44100,
    ),
}  # fmt: skip
