"""What tests of mel spectrograms share: magnitudes, banks and the recipes of presets, in numpy."""

from __future__ import annotations

import librosa
import numpy as np


def numpy_magnitude(wave, n_fft, hop, pad, mode="reflect"):
    """Frames of n_fft under a periodic Hann window, of a wave that is padded at both ends."""
    padded = np.pad(wave, (pad, pad), mode=mode)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    count = 1 + (len(padded) - n_fft) // hop
    frames = [padded[m * hop : m * hop + n_fft] * window for m in range(count)]
    return abs(np.fft.rfft(frames, axis=-1)).T


def bank(sr, n_fft, n_mels, **settings):
    return librosa.filters.mel(sr=sr, n_fft=n_fft, n_mels=n_mels, dtype=np.float64, **settings)


def recipe(name, wave):
    """The recipe of a preset as its source has it, in float64."""

    def ln(y, clamp):
        return np.log(np.maximum(y, clamp))

    if name in ("tacotron2", "waveglow", "fastspeech2"):
        mel = bank(22050, 1024, 80, fmin=0, fmax=8000)
        return ln(mel @ numpy_magnitude(wave, 1024, 256, 512), 1e-5)
    if name in ("hifigan", "bigvgan_22khz"):
        mel = bank(22050, 1024, 80, fmin=0, fmax=8000)
        return ln(mel @ numpy_magnitude(wave, 1024, 256, 384), 1e-5)
    if name == "bigvgan_24khz":
        mel = bank(24000, 1024, 100, fmin=0, fmax=12000)
        return ln(mel @ numpy_magnitude(wave, 1024, 256, 384), 1e-5)
    if name == "bigvgan_44khz":
        mel = bank(44100, 2048, 128, fmin=0)
        return ln(mel @ numpy_magnitude(wave, 2048, 512, 768), 1e-5)
    if name == "vocos":
        mel = bank(24000, 1024, 100, htk=True, norm=None)
        return ln(mel @ numpy_magnitude(wave, 1024, 256, 512), 1e-7)
    if name == "espnet":
        mel = bank(22050, 1024, 80, fmin=80, fmax=7600)
        return ln(mel @ numpy_magnitude(wave, 1024, 256, 512), 1e-10) / np.log(10)
    if name == "tortoise":
        mel = bank(24000, 1024, 100, fmin=0, fmax=12000)
        logs = ln(mel @ numpy_magnitude(wave, 1024, 256, 512), 1e-5)
        low, high = -11.512925148010254, 2.3143386840820312
        return 2 * (logs - low) / (high - low) - 1
    if name.startswith("whisper"):
        mel = bank(16000, 400, 128 if name.endswith("128") else 80)
        power = numpy_magnitude(wave, 400, 160, 200)[:, :-1] ** 2
        logs = np.log10(np.maximum(mel @ power, 1e-10))
        return (np.maximum(logs, logs.max() - 8) + 4) / 4
    if name == "torchaudio":
        mel = bank(16000, 400, 128, htk=True, norm=None)
        return mel @ numpy_magnitude(wave, 400, 200, 200) ** 2
    mel = bank(22050, 2048, 128)
    return mel @ numpy_magnitude(wave, 2048, 512, 1024, "constant") ** 2
