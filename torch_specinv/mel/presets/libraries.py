"""What functions of libraries return, with their defaults."""

from __future__ import annotations

from ..conventions import MelSpec
from ..levels import Levels
from ..recipe import Preset

LIBRARIES: dict[str, Preset] = {
    "torchaudio": Preset(
        MelSpec(16000, htk=True, norm=None, power=2.0), 128, 400, 200,
        "torchaudio.transforms.MelSpectrogram(), its defaults",
    ),
    "librosa": Preset(
        MelSpec(22050, power=2.0), 128, 2048, 512, "librosa.feature.melspectrogram(), its defaults",
        pad_mode="constant",
    ),
    "scipy": Preset(
        Levels(), None, None, None, "scipy.signal.stft(), its defaults but for nperseg",
        overlap=2, window_align="start", pad_mode="constant", scaling="spectrum",
    ),
    # its densities need fs: preset("scipy_spectrogram", sr=16000)
    "scipy_spectrogram": Preset(
        Levels(power=2.0), None, None, None,
        "scipy.signal.spectrogram(), its defaults but for nperseg",
        overlap=8, window=("tukey", 0.25), window_align="start", center=False, scaling="psd",
    ),
    # it returns (frames, bins): pass spec.mT
    "tensorflow": Preset(
        Levels(), None, None, None, "tf.signal.stft(), its defaults; frame_step is hop_length",
        window_align="start", center=False,
    ),
}  # fmt: skip
