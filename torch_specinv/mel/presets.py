"""The conventions of well-known models and libraries, by name."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from ..errors import check_choice, check_keywords
from .conventions import MelSpec
from .recipe import Preset

# The range to which Tortoise brings the natural logarithms for its vocoder
_TORTOISE = (-11.512925148010254, 2.3143386840820312)


def _vocoder(
    sr: int, n_mels: int, n_fft: int, hop_length: int, fmax: float | None, source: str
) -> Preset:
    """Return the recipe of HiFi-GAN, in which frames lie between multiples of the hop."""
    mel = MelSpec(sr, fmax=fmax, log="ln", clamp=1e-5)
    padding = (n_fft - hop_length) // 2
    return Preset(mel, n_mels, n_fft, hop_length, source, center=False, padding=padding)


_NVIDIA = MelSpec(22050, fmax=8000.0, log="ln", clamp=1e-5)
_OF_WHISPER = MelSpec(16000, power=2.0, log="log10", clamp=1e-10, reach=8.0, shift=-4.0, scale=4.0)
_HIFIGAN = "Kong, Kim, Bae 2020; github.com/jik876/hifi-gan, meldataset.py, config_v1.json"
_BIGVGAN = "Lee and others 2023; github.com/NVIDIA/BigVGAN, meldataset.py, configs/"
_WHISPER = "Radford and others 2023; github.com/openai/whisper, audio.py"

#: The presets by name.
PRESETS: dict[str, Preset] = {
    "tacotron2": Preset(
        _NVIDIA, 80, 1024, 256, "Shen and others 2018; github.com/NVIDIA/tacotron2, layers.py"
    ),
    "waveglow": Preset(
        _NVIDIA, 80, 1024, 256, "Prenger, Valle, Catanzaro 2019; github.com/NVIDIA/waveglow"
    ),
    "fastspeech2": Preset(
        _NVIDIA, 80, 1024, 256, "Ren and others 2021; github.com/ming024/FastSpeech2, audio/stft.py"
    ),
    "hifigan": _vocoder(22050, 80, 1024, 256, 8000.0, _HIFIGAN),
    "bigvgan_22khz": _vocoder(22050, 80, 1024, 256, 8000.0, _BIGVGAN),
    "bigvgan_24khz": _vocoder(24000, 100, 1024, 256, 12000.0, _BIGVGAN),
    "bigvgan_44khz": _vocoder(44100, 128, 2048, 512, None, _BIGVGAN),
    "vocos": Preset(
        MelSpec(24000, htk=True, norm=None, log="ln", clamp=1e-7), 100, 1024, 256,
        "Siuzdak 2024; github.com/gemelo-ai/vocos, feature_extractors.py",
    ),
    "espnet": Preset(
        MelSpec(22050, fmin=80.0, fmax=7600.0, log="log10", clamp=1e-10), 80, 1024, 256,
        "Hayashi and others 2020; github.com/espnet/espnet, log_mel_fbank.py",
    ),
    "tortoise": Preset(
        MelSpec(
            24000, fmax=12000.0, log="ln", clamp=1e-5, shift=(_TORTOISE[1] + _TORTOISE[0]) / 2,
            scale=(_TORTOISE[1] - _TORTOISE[0]) / 2,
        ), 100, 1024, 256,
        "Betker 2023; github.com/neonbjb/tortoise-tts, utils/audio.py",
    ),
    "whisper": Preset(
        _OF_WHISPER, 80, 400, 160, _WHISPER
    ),
    "whisper_128": Preset(
        _OF_WHISPER, 128, 400, 160, _WHISPER
    ),
    "torchaudio": Preset(
        MelSpec(16000, htk=True, norm=None, power=2.0), 128, 400, 200,
        "torchaudio.transforms.MelSpectrogram(), its defaults",
    ),
    "librosa": Preset(
        MelSpec(22050, power=2.0), 128, 2048, 512, "librosa.feature.melspectrogram(), its defaults",
        pad_mode="constant",
    ),
}  # fmt: skip


def preset(name: str | Preset, **changes: Any) -> Preset:
    """Return a preset by name, with some of what it says changed.

    Parameters
    ----------
    name : str or Preset
        Such as "hifigan"; :data:`PRESETS` has them all.
    **changes
        Fields of :class:`Preset`, :class:`MelSpec` and :class:`Levels` that are different in a
        model of yours, such as ``fmax=None`` or ``n_mels=128``.

    Returns
    -------
    Preset
        The conventions.

    Raises
    ------
    SpecInvError
        If there is none of that name, or no such field; the message has the nearest.

    Examples
    --------
    >>> from torch_specinv.mel import preset
    >>> preset("whisper").mel.log
    'log10'
    >>> preset("hifigan", fmax=None).mel.fmax is None
    True
    """
    found = name if isinstance(name, Preset) else PRESETS[check_choice("preset", name, PRESETS)]
    own = {field.name for field in fields(Preset) if field.name != "values"}
    of_values = {field.name for field in fields(found.values)}
    check_keywords(changes, own | of_values)
    inner = {key: value for key, value in changes.items() if key in of_values}
    outer = {key: value for key, value in changes.items() if key not in of_values}
    return replace(found, values=replace(found.values, **inner), **outer)
