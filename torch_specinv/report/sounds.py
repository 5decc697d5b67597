"""Sounds and pictures as they lie in a page."""

from __future__ import annotations

import base64
import math

import torch
from torch import Tensor

from ..errors import check_choice
from ..io.encode import encode_audio, encode_picture
from ..transform.stft import STFT
from .gather import Entry

#: The formats of sounds by name: suffix and media type.
FORMATS = {
    "flac": (".flac", "audio/flac"),
    "wav": (".wav", "audio/wav"),
    "ogg": (".ogg", "audio/ogg"),
}
# The most rows and columns of a picture, and its range in dB
_ROWS, _COLUMNS, RANGE_DB = 256, 1200, 80.0
# A peak that no format clips
_MOST = 0.99


def gains(entry: Entry) -> list[float]:
    """Return by what each sound is multiplied: to the level of the first, and none beyond 1.

    The level is the root of the mean square.
    """
    waves = [sound.wave for sound in entry.sounds]
    levels = [float(wave.square().mean().sqrt()) for wave in waves]
    found = [levels[0] / level if level > 0 and levels[0] > 0 else 1.0 for level in levels]
    peaks = [(gain, wave) for gain, wave in zip(found, waves, strict=True)]
    if entry.anchor is not None:  # which is played at the level of the first
        peaks.append((found[0], entry.anchor))
    peak = max(gain * float(wave.abs().max()) for gain, wave in peaks)
    return [gain * min(1.0, _MOST / max(peak, 1e-12)) for gain in found]


def data_uri(wave: Tensor, sr: int, kind: str) -> str:
    """Return a sound as the address of its own data."""
    check_choice("audio", kind, FORMATS)
    suffix, media = FORMATS[kind]
    data = encode_audio(torch.nan_to_num(wave), sr, suffix)
    return f"data:{media};base64,{base64.b64encode(data).decode()}"


def picture(wave: Tensor, entry: Entry, most: float) -> str:
    """Return a spectrogram as the address of a grey PNG: black is 80 dB below `most`, in dB."""
    stft = STFT.of_wave(
        wave, n_fft=entry.n_fft, hop_length=entry.hop_length, window=torch.hann_window(entry.n_fft)
    )
    power = stft(wave).square()[None, None]
    rows, columns = min(power.shape[-2], _ROWS), min(power.shape[-1], _COLUMNS)
    power = torch.nn.functional.adaptive_avg_pool2d(power, (rows, columns))[0, 0]
    grey = (10 * power.clamp_min(1e-20).log10() - most + RANGE_DB) * (255 / RANGE_DB)
    pixels = grey.clamp(0, 255).round().byte().flip(0)
    return f"data:image/png;base64,{base64.b64encode(encode_picture(pixels)).decode()}"


def loudest(entry: Entry) -> float:
    """Return the level in dB of the loudest bin of the reference, or of the first sound."""
    wave = entry.sounds[0].wave
    stft = STFT.of_wave(
        wave, n_fft=entry.n_fft, hop_length=entry.hop_length, window=torch.hann_window(entry.n_fft)
    )
    return 20 * math.log10(max(float(stft(wave).max()), 1e-10))
