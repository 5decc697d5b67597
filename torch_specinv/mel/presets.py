"""The conventions of well-known models and libraries, by name."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import check_choice
from ..tensors import Numbers, any_tensor
from ..transform.geometry import STFTKeywords, read_length
from ..transform.ragged import read_lengths
from .conventions import MelSpec

# The range to which Tortoise brings the natural logarithms for its vocoder
_TORTOISE = (-11.512925148010254, 2.3143386840820312)


@dataclass(frozen=True)
class Preset:
    """A mel spectrogram and the STFT under it.

    `padding` is the number of samples that the recipe adds to each end of a waveform, by
    reflection, before it cuts frames that are not centred. It is 0 for centred frames. The window
    is a periodic Hann window.
    """

    mel: MelSpec
    n_mels: int
    n_fft: int
    hop_length: int
    source: str
    win_length: int | None = None
    center: bool = True
    pad_mode: str = "reflect"
    padding: int = 0

    def stft_keywords(self, device: torch.device | None = None) -> STFTKeywords:
        """Return the keywords of the STFT under the bands."""
        return {
            "n_fft": self.n_fft,
            "hop_length": self.hop_length,
            "win_length": self.win_length,
            "window": torch.hann_window(self.win_length or self.n_fft, device=device),
            "center": self.center,
            "pad_mode": self.pad_mode,
        }

    def padded_length(self, length: int, frames: int) -> int:
        """Return the length of a waveform of `frames` frames with the padding of the recipe."""
        least = self._shortest + self.hop_length * (frames - 1)
        allowed = range(least, least + self.hop_length)
        return read_length(length, allowed, frames, self.hop_length) + 2 * self.padding

    def padded_lengths(self, lengths: Numbers, batch: int, frames: int) -> list[int]:
        """Return these lengths for the items of a batch, each of at most `frames` frames."""
        counts = read_lengths(lengths, batch, frames, self.hop_length, self._shortest)
        return [count + 2 * self.padding for count in counts]

    @property
    def _shortest(self) -> int:
        """The samples that, with the padding, make one frame."""
        return self.n_fft - 2 * self.padding

    def trim(self, wave: Tensor, lengths: Numbers | None = None) -> Tensor:
        """Cut the padding off waves (..., samples).

        `lengths` holds the samples of each item without the padding; what lies behind them is set
        to 0. By default all items are equally long.
        """
        if not self.padding:
            return wave
        wave = wave[..., self.padding : wave.shape[-1] - self.padding]
        if lengths is None:
            return wave
        place = torch.arange(wave.shape[-1], device=wave.device)
        ends = any_tensor(lengths, "lengths").to(wave.device).reshape(*wave.shape[:-1], 1)
        return torch.where(place < ends, wave, 0)


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


def preset(name: str) -> Preset:
    """Return a preset by name.

    Parameters
    ----------
    name : str
        Such as "hifigan"; :data:`PRESETS` has them all.

    Returns
    -------
    Preset
        The conventions.

    Raises
    ------
    SpecInvError
        If there is none of that name; the message has the nearest.

    Examples
    --------
    >>> from torch_specinv.mel import preset
    >>> preset("whisper").mel.log
    'log10'
    """
    return PRESETS[check_choice("preset", name, PRESETS)]
