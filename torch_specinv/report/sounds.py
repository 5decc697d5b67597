"""Sounds and pictures as they lie in a page."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ..errors import check_choice
from ..io.encode import encode_audio, encode_picture
from ..transform.stft import STFT
from .gather import Entry

#: The formats of sounds by name, with the suffix of their files.
FORMATS = {"flac": ".flac", "wav": ".wav", "ogg": ".ogg"}
#: What stands for characters that can't be in a script element.
SUBSTITUTES = {0: 0xA1, 13: 0xA2, 60: 0xA3}
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


def encoded(wave: Tensor, sr: int, kind: str) -> bytes:
    """Return a sound as the content of a file of this format."""
    check_choice("audio", kind, FORMATS)
    return encode_audio(torch.nan_to_num(wave), sr, FORMATS[kind])


def as_text(data: bytes) -> str:
    """Return bytes as text for a script element: 7 bits a character, 1.17 bytes of UTF-8 for one.

    Base64 takes 1.33. The characters 0 and 13, which HTML changes, and "<" have substitutes.

    Examples
    --------
    >>> from torch_specinv.report.sounds import as_text
    >>> len(as_text(bytes(range(7))))
    8
    """
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    bits = np.pad(bits, (0, -len(bits) % 7)).reshape(-1, 7)
    codes = np.packbits(bits, 1)[:, 0].astype("<u2") >> 1
    for code, other in SUBSTITUTES.items():
        codes[codes == code] = other
    return codes.tobytes().decode("utf-16-le")


def picture(wave: Tensor, entry: Entry, most: float) -> bytes:
    """Return a spectrogram as a grey PNG: black is 80 dB below `most`, in dB."""
    stft = STFT.of_wave(
        wave, n_fft=entry.n_fft, hop_length=entry.hop_length, window=torch.hann_window(entry.n_fft)
    )
    power = stft(wave).square()[None, None]
    rows, columns = min(power.shape[-2], _ROWS), min(power.shape[-1], _COLUMNS)
    power = torch.nn.functional.adaptive_avg_pool2d(power, (rows, columns))[0, 0]
    grey = (10 * power.clamp_min(1e-20).log10() - most + RANGE_DB) * (255 / RANGE_DB)
    pixels = grey.clamp(0, 255).round().byte().flip(0)
    return encode_picture(pixels)


def loudest(entry: Entry) -> float:
    """Return the level in dB of the loudest bin of the reference, or of the first sound."""
    wave = entry.sounds[0].wave
    stft = STFT.of_wave(
        wave, n_fft=entry.n_fft, hop_length=entry.hop_length, window=torch.hann_window(entry.n_fft)
    )
    return 20 * math.log10(max(float(stft(wave).max()), 1e-10))
