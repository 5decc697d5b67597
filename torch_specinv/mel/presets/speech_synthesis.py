"""Models that make or convert speech, and their vocoders."""

from __future__ import annotations

from ..conventions import MelSpec
from ..levels import Levels, normalised_levels
from ..recipe import Preset

# The range to which Tortoise brings the natural logarithms for its vocoder
_TORTOISE = (-11.512925148010254, 2.3143386840820312)


def _vocoder(
    sr: int, n_mels: int, n_fft: int, hop_length: int, fmax: float | None, source: str
) -> Preset:
    """Return the recipe of HiFi-GAN, in which frames lie between multiples of the hop."""
    mel = MelSpec(sr, fmax=fmax, log="ln", clamp=1e-5)
    padding = (n_fft - hop_length) // 2
    return Preset(mel, n_mels, n_fft, hop_length, source, center=False, padding=padding)


def _tacotron(values: Levels, n_mels: int | None) -> Preset:
    """Return the recipe of the first Tacotron's best-known implementation."""
    return Preset(
        values, n_mels, 2048, 250, "Wang and others 2017; github.com/keithito/tacotron, "
        "util/audio.py, hparams.py", win_length=1000, preemphasis=0.97, sr=20000,
    )  # fmt: skip


_NVIDIA = MelSpec(22050, fmax=8000.0, log="ln", clamp=1e-5)
_MATCHA = MelSpec(22050, fmax=8000.0, log="ln", clamp=1e-5, shift=-5.536622, scale=2.116101)
_AUTOVC = MelSpec(16000, fmin=90.0, fmax=7600.0, **normalised_levels(-100.0, 16.0))
_HIFIGAN = "Kong, Kim, Bae 2020; github.com/jik876/hifi-gan, meldataset.py, config_v1.json"
_BIGVGAN = "Lee and others 2023; github.com/NVIDIA/BigVGAN, meldataset.py, configs/"

SPEECH_SYNTHESIS: dict[str, Preset] = {
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
    # its decoder's output; what Matcha-TTS returns is HiFi-GAN's mel, which is not standardised
    "matcha": Preset(
        _MATCHA, 80, 1024, 256,
        "Mehta and others 2024; github.com/shivammehta25/Matcha-TTS, configs/data/ljspeech.yaml",
        center=False, padding=384,
    ),
    "tacotron_linear": _tacotron(Levels(**normalised_levels()), None),
    "tacotron_mel": _tacotron(MelSpec(20000, **normalised_levels()), 80),
    # SpeechSplit's is the same. Its high pass at 30 Hz can't be undone, and is not missed.
    "autovc": Preset(
        _AUTOVC, 80, 1024, 256, "Qian and others 2019; github.com/auspicious3000/autovc, "
        "make_spect.py", amplitude=0.96,
    ),
}  # fmt: skip
