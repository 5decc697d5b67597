"""Recipes of presets as their sources have them, from a wave to the array, in numpy and float64.

Loops over frames, bands and bins, so that nothing of how the package does it is in them.
"""

from __future__ import annotations

import librosa
import numpy as np
import scipy.signal
import torch

EPSILON = 1.1920928955078125e-07


def emphasis(wave, coefficient=0.97):
    return np.concatenate([wave[:1], wave[1:] - coefficient * wave[:-1]])


def mel_of(hertz):
    return 1127 * np.log(1 + hertz / 700)


def kaldi_bank(sr, n_fft, n_mels, low=20.0, high=None):
    """get_mel_banks of torchaudio.compliance.kaldi, with its column of zeros."""
    first, last = mel_of(low), mel_of(sr / 2 if high is None else high)
    step = (last - first) / (n_mels + 1)
    bank = np.zeros((n_mels, n_fft // 2 + 1))
    for band in range(n_mels):
        left, centre, right = (first + (band + k) * step for k in range(3))
        for k in range(n_fft // 2):
            mel = mel_of(k * sr / n_fft)
            up, down = (mel - left) / (centre - left), (right - mel) / (right - centre)
            bank[band, k] = max(0.0, min(up, down))
    return bank


def htk_bank(sr, n_fft, n_mels, low=-1.0, high=-1.0):
    """InitFBank and Wave2FBank of HTK's HSigP.c, whose bins count from 1."""
    half = n_fft // 2
    resolution = sr / (n_fft * 700)

    def mel(k):
        return 1127 * np.log(1 + (k - 1) * resolution)

    first, last, mel_low, mel_high = 2, half, 0.0, mel(half + 1)
    if low >= 0:
        mel_low = mel_of(low)
        first = max(2, int(low * n_fft / sr + 2.5))
    if high >= 0:
        mel_high = mel_of(high)
        last = min(half, int(high * n_fft / sr + 0.5))
    centres = [mel_low + k / (n_mels + 1) * (mel_high - mel_low) for k in range(n_mels + 2)]
    bank = np.zeros((n_mels, half + 1))
    for k in range(first, last + 1):
        below = max(c for c in range(n_mels + 2) if c == 0 or centres[c] < mel(k))
        weight = (centres[below + 1] - mel(k)) / (centres[below + 1] - centres[below])
        if below > 0:
            bank[below - 1, k - 1] += weight
        if below < n_mels:
            bank[below, k - 1] += 1 - weight
    return bank


def whole_bins_bank(sr, n_fft, n_mels, low=0.0, high=None):
    """get_filterbanks of python_speech_features."""
    points = np.linspace(
        *(2595 * np.log10(1 + f / 700.0) for f in (low, high or sr / 2)), n_mels + 2
    )
    corner = np.floor((n_fft + 1) * 700 * (10 ** (points / 2595.0) - 1) / sr)
    bank = np.zeros((n_mels, n_fft // 2 + 1))
    for band in range(n_mels):
        left, centre, right = corner[band : band + 3]
        for k in range(int(left), int(centre)):
            bank[band, k] = (k - left) / (centre - left)
        for k in range(int(centre), int(right)):
            bank[band, k] = (right - k) / (right - centre)
    return bank


def hann(length, *, symmetric=False):
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / (length - symmetric))


def spectra(wave, window, hop, n_fft):
    """Frames that begin with the window and are not padded, (bins, frames)."""
    begins = range(0, len(wave) - len(window) + 1, hop)
    frames = [np.fft.rfft(wave[begin : begin + len(window)] * window, n_fft) for begin in begins]
    return np.stack(frames, axis=-1)


def centred(wave, n_fft, hop, win_length=None, pad=None):
    """librosa.stft of its versions before 0.10, and torch.stft: reflected ends."""
    window = hann(win_length or n_fft)
    left = (n_fft - len(window)) // 2
    window = np.pad(window, (left, n_fft - len(window) - left))
    pad = n_fft // 2 if pad is None else pad
    return abs(spectra(np.pad(wave, (pad, pad), mode="reflect"), window, hop, n_fft))


def kaldi_fbank(wave, n_mels, window, *, remove_dc_offset=True):
    """fbank of torchaudio.compliance.kaldi, transposed."""
    bank, rows = kaldi_bank(16000, 512, n_mels), []
    for begin in range(0, len(wave) - 400 + 1, 160):
        frame = wave[begin : begin + 400]
        if remove_dc_offset:
            frame = frame - frame.mean()
        frame = frame - 0.97 * np.concatenate([frame[:1], frame[:-1]])
        power = abs(np.fft.rfft(frame * window, 512)) ** 2
        rows.append(np.log(np.maximum(bank @ power, EPSILON)))
    return np.stack(rows, axis=-1)


def povey(length=400):
    return hann(length, symmetric=True) ** 0.85


def htk(wave, *, by_frame=True):
    window = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(400) / 399)
    bank, rows, wave = htk_bank(16000, 512, 26), [], 32768 * wave
    before = np.concatenate([[0], wave[:-1]])
    for begin in range(0, len(wave) - 400 + 1, 160):
        frame, late = wave[begin : begin + 400], before[begin : begin + 400]
        frame = frame - 0.97 * (np.concatenate([frame[:1], late[1:]]) if by_frame else late)
        rows.append(np.log(np.maximum(bank @ abs(np.fft.rfft(frame * window, 512)), 1.0)))
    return np.stack(rows, axis=-1)


def logfbank(wave):
    wave = emphasis(32768 * wave)
    wave = np.pad(wave, (0, -(len(wave) - 400) % 160))
    power = abs(spectra(wave, np.ones(400), 160, 512)) ** 2 / 512
    sums = whole_bins_bank(16000, 512, 26) @ power
    return np.log(np.where(sums == 0, np.finfo(float).eps, sums))


def levels(magnitude, reference):
    decibels = 20 * np.log10(np.maximum(1e-5, magnitude)) - reference
    return np.clip((decibels + 100) / 100, 0, 1)


def mels(sr, n_fft, n_mels, **settings):
    return librosa.filters.mel(sr=sr, n_fft=n_fft, n_mels=n_mels, dtype=np.float64, **settings)


def matcha(wave):
    mel = mels(22050, 1024, 80, fmin=0, fmax=8000) @ centred(wave, 1024, 256, pad=384)
    return (np.log(np.clip(mel, 1e-5, None)) + 5.536622) / 2.116101


def audioldm(wave):
    mel = mels(16000, 1024, 64, fmin=0, fmax=8000) @ centred(wave, 1024, 160)
    return np.log(np.clip(mel, 1e-5, None))


def autovc(wave):
    mel = mels(16000, 1024, 80, fmin=90, fmax=7600) @ centred(0.96 * wave, 1024, 256)
    return levels(mel, 16)


def riffusion(wave):
    bank = mels(44100, 17640, 512, fmin=0, fmax=10000, htk=True, norm=None)
    return bank @ centred(32768 * wave, 17640, 441, 4410)


def tacotron(wave):
    return centred(emphasis(wave), 2048, 250, 1000)


def ast(wave, **settings):
    features = kaldi_fbank(wave, 128, hann(400, symmetric=True), **settings)
    return (features + 4.2677393) / (2 * 4.5689974)


def demucs(wave):
    """HTDemucs._spec: two paddings, one inside of torch.stft, and frames cut off at both ends."""
    hop, pad = 1024, 1536
    frames = -(-len(wave) // hop)
    wave = np.pad(wave, (pad, pad + frames * hop - len(wave)), mode="reflect")
    return centred(wave, 4096, hop)[:-1, 2 : 2 + frames] / np.sqrt(4096)


def scipys(wave):
    return abs(scipy.signal.stft(wave, nperseg=512)[2])


def scipys_spectrogram(wave, **settings):
    return scipy.signal.spectrogram(wave, 16000, nperseg=512, **settings)[2]


def likeness(found, wave):
    """The correlation of spectrograms, which phases do not matter for, and the ratio of levels."""
    window = torch.hann_window(512, dtype=torch.float64)
    samples = min(found.shape[-1], wave.shape[-1])
    a, b = (
        torch.stft(x.double()[:samples], 512, window=window, return_complex=True).abs()
        for x in (found, wave)
    )
    return float((a * b).sum() / (a.norm() * b.norm())), float(a.norm() / b.norm())


#: Functions of a wave by the name of the preset.
RECIPES = {
    "matcha": matcha,
    "tacotron_linear": lambda wave: levels(tacotron(wave), 20),
    "tacotron_mel": lambda wave: levels(mels(20000, 2048, 80) @ tacotron(wave), 20),
    "autovc": autovc,
    "kaldi": lambda wave: kaldi_fbank(wave, 80, povey()),
    "htk": htk,
    "python_speech_features": logfbank,
    "audioldm": audioldm,
    "riffusion": riffusion,
    "ast": ast,
    "audiomae": ast,
    "demucs": demucs,
    "scipy": scipys,
    "scipy_spectrogram": scipys_spectrogram,
    "tensorflow": lambda wave: abs(spectra(wave, hann(400), 160, 512)),
}

#: The same without what can't be undone: the mean taken off each frame, and a first sample of a
#: frame that is treated otherwise.
EXACT = {
    **RECIPES,
    "kaldi": lambda wave: kaldi_fbank(wave, 80, povey(), remove_dc_offset=False),
    "htk": lambda wave: htk(wave, by_frame=False),
    "ast": lambda wave: ast(wave, remove_dc_offset=False),
    "audiomae": lambda wave: ast(wave, remove_dc_offset=False),
    "scipy_spectrogram": lambda wave: scipys_spectrogram(wave, detrend=False),
}
