"""The conversions between libraries of the page about other STFTs, against scipy and numpy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import torch

from tests.recipe_cases import hann, povey, spectra
from torch_specinv import invert
from torch_specinv.comparing.signals import speech_like
from torch_specinv.mel import preset

SR, NPERSEG, HOP, NFFT = 16000, 400, 100, 512
SETTINGS = {"n_fft": NFFT, "win_length": NPERSEG, "hop_length": HOP, "sr": SR}


def wave_of(samples=6000):
    return speech_like(SR, 1.0)[4000 : 4000 + samples].double() / 10


def torchs(wave, **settings):
    """torch.stft, whose windows lie in the middle of the FFT."""
    return torch.stft(
        wave, NFFT, HOP, NPERSEG, torch.from_numpy(hann(NPERSEG)), return_complex=True, **settings
    )


def scipys(wave, **settings):
    noverlap = NPERSEG - HOP
    return torch.from_numpy(
        scipy.signal.stft(wave.numpy(), SR, "hann", NPERSEG, noverlap, NFFT, **settings)[2]
    )


def turned(spectrum, samples):
    """The spectrum of frames that begin so many samples later in the FFT."""
    k = torch.arange(NFFT // 2 + 1, dtype=torch.float64)[:, None]
    return spectrum * torch.exp(-2j * np.pi * k * samples / NFFT)


LEFT = (NFFT - NPERSEG) // 2


def test_torch_and_scipy():
    """A factor, the place of the window, and the number of frames."""
    wave = wave_of()
    ours = torchs(wave, pad_mode="constant")
    theirs = scipys(wave) * hann(NPERSEG).sum()
    theirs = turned(theirs, LEFT)
    frames = min(ours.shape[1], theirs.shape[1])
    assert theirs.shape[1] - frames <= 1
    assert torch.allclose(ours[:, :frames], theirs[:, :frames], atol=1e-10)


def test_torch_and_tensorflow():
    """tf.signal.stft has frames first, is not centred, and its windows begin with the FFT."""
    wave = wave_of()
    theirs = torch.from_numpy(spectra(wave.numpy(), hann(NPERSEG), HOP, NFFT)).mT
    first = torch.nn.functional.pad(wave, (LEFT, NFFT - NPERSEG - LEFT))
    ours = torchs(first, center=False)
    assert torch.allclose(ours, turned(theirs.mT, LEFT), atol=1e-10)


def test_matlab():
    """spectrogram(x, hamming(400), 300, 512): symmetric, at the start, not padded or scaled."""
    wave = wave_of()
    window = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(NPERSEG) / (NPERSEG - 1))
    array = torch.from_numpy(spectra(wave.numpy(), window, HOP, NFFT))
    p = preset("tensorflow", window="hamming_symmetric", **SETTINGS)
    assert torch.allclose(p.record(wave), array.abs(), atol=1e-10)


def test_kaldi():
    """compute-spectrogram-feats without dither, logarithms of powers of a pre-emphasised wave."""
    wave = 32768 * wave_of()
    emphasised = wave.numpy() - 0.97 * np.concatenate([[0], wave.numpy()[:-1]])
    power = abs(spectra(emphasised, povey(), 160, 512)) ** 2
    array = torch.from_numpy(np.log(np.maximum(power, 1.1920928955078125e-07)))
    p = preset(
        "tensorflow", n_fft=512, win_length=400, hop_length=160, window="povey", power=2.0,
        log="ln", clamp=1.1920928955078125e-07, preemphasis=0.97, amplitude=32768.0,
    )  # fmt: skip
    assert torch.allclose(p.record(wave_of()), array, atol=1e-8)


@pytest.mark.parametrize(
    ("array", "recipe"),
    [
        (lambda wave: scipys(wave).abs(), preset("scipy", **SETTINGS)),
        (
            lambda wave: scipys(wave, scaling="psd").abs(),
            preset("scipy", scaling="psd", **SETTINGS),
        ),
        (
            lambda wave: torch.from_numpy(spectra(wave.numpy(), hann(400), HOP, NFFT)).abs(),
            preset("tensorflow", **SETTINGS),
        ),
    ],
    ids=["scipy", "scipy psd", "tensorflow"],
)
def test_levels_and_places_are_right(array, recipe):
    wave = wave_of()
    found = invert(array(wave), preset=recipe, max_iter=60, verbose=False).wave
    envelope, true = (
        x.square().unfold(0, 200, 200).mean(-1) for x in (found[:6000], wave[: len(found)])
    )
    frames = min(len(envelope), len(true))
    envelope, true = envelope[2 : frames - 2], true[2 : frames - 2]
    assert float((envelope - true).norm() / true.norm()) < 0.1


@pytest.mark.parametrize("samples", [4000, 4001, 4099])
def test_numbers_of_frames(samples):
    """The formulas of the page's table."""
    wave = wave_of(samples)
    whole, inner = 1 + samples // HOP, 1 + (samples - NPERSEG) // HOP
    assert torchs(wave).shape[1] == whole
    assert torchs(wave, center=False).shape[1] == 1 + (samples - NFFT) // HOP
    assert scipys(wave).shape[1] == 1 + -(-samples // HOP)
    assert preset("tensorflow", **SETTINGS).record(wave).shape[1] == inner
    assert preset("scipy", **SETTINGS).record(wave).shape[1] == whole
