"""Windows at the start of the FFT, as in scipy, TensorFlow and Kaldi."""

import numpy as np
import pytest
import scipy.signal
import torch

from tests.conftest import hann
from torch_specinv import STFT, SpecInvError, invert
from torch_specinv.online import RTISI


def noise(samples, seed=0):
    return torch.randn(samples, dtype=torch.float64, generator=torch.manual_seed(seed))


def frames_at_the_start(wave, n_fft, win_length, hop_length):
    """What tf.signal.stft gives, as (bins, frames)."""
    frames = np.lib.stride_tricks.sliding_window_view(wave.numpy(), win_length)[::hop_length]
    return torch.from_numpy(np.fft.rfft(frames * hann(win_length).numpy(), n_fft).T)


@pytest.mark.parametrize(("win_length", "samples"), [(90, 1000), (91, 1016), (91, 1015), (90, 90)])
def test_frames_that_begin_with_the_window(win_length, samples):
    wave = noise(samples)
    expected = frames_at_the_start(wave, 128, win_length, 25)
    stft = STFT.of_wave(
        wave, n_fft=128, hop_length=25, win_length=win_length, window=hann(win_length),
        window_align="start", center=False,
    )  # fmt: skip
    assert torch.allclose(stft.analyse(wave), expected, atol=1e-12)
    # samples 0 of the window and what no frame reaches are lost
    seen = stft.envelope > 0
    assert int(seen.sum()) == win_length + 25 * (expected.shape[1] - 1) - 1
    assert torch.allclose(stft.synthesise(expected)[seen], wave[seen], atol=1e-9)


@pytest.mark.parametrize("win_length", [90, 91])
def test_scipys_transform(win_length):
    wave, window = noise(1000), hann(win_length)
    _, _, expected = scipy.signal.stft(
        wave.numpy(), window="hann", nperseg=win_length, noverlap=win_length - 25, nfft=128
    )
    stft = STFT.of_wave(
        wave, n_fft=128, hop_length=25, win_length=win_length, window=window, window_align="start",
        pad_mode="constant",
    )  # fmt: skip
    spectrum = stft.analyse(wave)
    found = spectrum / window.sum()
    # scipy goes on until the last sample was in the middle of a frame
    assert 0 <= expected.shape[1] - found.shape[1] <= 1
    assert np.allclose(found, expected[:, : found.shape[1]], atol=1e-14)
    assert torch.allclose(stft.synthesise(spectrum), wave, atol=1e-12)


@pytest.mark.parametrize("backend", ["torch", "chunked", "native"])
def test_nothing_comes_late(backend):
    wave = torch.zeros(4000, dtype=torch.float64)
    wave[2000:2040] = noise(40)
    spectrum = frames_at_the_start(wave, 256, 200, 50)
    settings = {
        "n_fft": 256, "hop_length": 50, "win_length": 200, "window": hann(200).float(),
        "window_align": "start", "center": False, "length": 4000, "max_iter": 100,
        "verbose": False, "backend": backend,
    }  # fmt: skip
    magnitude = spectrum.abs().float()
    energy = invert(magnitude, "griffin_lim", **settings).wave.square()
    assert float(energy[1995:2045].sum() / energy.sum()) > 0.98
    # a phase to start from is that of a window at the start as well
    given = invert(spectrum.to(torch.complex64), "griffin_lim", **settings).wave
    assert torch.allclose(given, wave.float(), atol=1e-4)


def test_geometry_tells_its_keywords():
    wave = noise(1000)
    stft = STFT.of_wave(
        wave, n_fft=128, hop_length=25, win_length=90, window=hann(90), window_align="start"
    )
    again = STFT.of_wave(wave, **stft.geometry.keywords())
    assert again.geometry.numbers == stft.geometry.numbers
    assert torch.equal(again.geometry.window, stft.geometry.window)


def test_online_too():
    wave = noise(1000)
    magnitude = frames_at_the_start(wave, 128, 90, 25).abs()
    stream = RTISI(
        n_fft=128, hop_length=25, win_length=90, window=hann(90), window_align="start",
        center=False, max_iter=2,
    )  # fmt: skip
    parts = [stream.push(frame) for frame in magnitude.mT] + [stream.flush()]
    assert torch.cat(parts).shape == (90 + 25 * (magnitude.shape[1] - 1),)


def test_unknown_alignment():
    with pytest.raises(SpecInvError, match=r"window_align='left' is unknown"):
        invert(torch.ones(65, 9), window=hann(100), win_length=100, window_align="left")
