"""The filters that weigh what is heard, and the scales of librosa."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from tests.losses_cases import waves
from torch_specinv import losses
from torch_specinv.losses import FIRFilter, mel_scale


@pytest.mark.parametrize("sr", [8000, 16000, 22050, 44100, 48000, 96000])
def test_a_weighting_filter_follows_the_curve(sr):
    taps = FIRFilter("a_weighting", sr=sr).taps.double().numpy()
    f = np.geomspace(50, min(16000, 0.45 * sr), 300)
    response = abs(np.exp(-2j * np.pi * np.outer(f / sr, np.arange(len(taps)))) @ taps)
    # IEC 61672-1, annex E
    f2 = f**2
    curve = 12194.217**2 * f2**2 / (
        (f2 + 20.598997**2) * np.sqrt((f2 + 107.65265**2) * (f2 + 737.86223**2))
        * (f2 + 12194.217**2)
    )  # fmt: skip
    difference = 20 * np.log10(response / curve) - 2.0
    assert abs(difference).max() < 0.5


def test_a_weighting_at_the_published_frequencies():
    """Table 3 of IEC 61672-1, to a tenth of a decibel."""
    table = {63: -26.2, 125: -16.1, 250: -8.6, 500: -3.2, 1000: 0, 2000: 1.2, 4000: 1.0, 8000: -1.1}
    exact = torch.tensor([1000 * 10 ** (0.3 * k) for k in range(-4, 4)])
    gains = 20 * losses.a_weighting(exact).log10()
    assert gains.tolist() == pytest.approx(list(table.values()), abs=0.06)


@pytest.mark.parametrize(
    ("kind", "taps"), [("highpass", [1, -0.7]), ("folded_differentiator", [1, 0, -0.7])]
)
def test_short_filters(kind, taps):
    wave = waves(3, 50)[0]
    filtered = FIRFilter(kind, coefficient=0.7)(wave)
    for i in range(3):
        assert np.allclose(filtered[i], np.convolve(wave[i], taps)[:50], atol=1e-14)


def a_weighting_taps(sr, taps):
    """The middle of the inverse transform of the gains, which no delay turns."""
    size = 2 ** int(8 * max(taps, sr // 40)).bit_length()
    f2 = np.fft.rfftfreq(size, 1 / sr) ** 2
    f1, f3, f4, f5 = (corner**2 for corner in (20.598997, 107.65265, 737.86223, 12194.217))
    gain = f5 * f2**2 / ((f2 + f1) * np.sqrt((f2 + f3) * (f2 + f4)) * (f2 + f5))
    response = np.fft.fftshift(np.fft.irfft(10 ** (1.9997 / 20) * gain, size))
    return response[size // 2 - taps // 2 :][:taps]


@pytest.mark.parametrize("taps", [1, 3, 63, 65, 401])
def test_filters_of_any_length_have_no_delay(taps):
    wave = waves(2, 300)[0]
    weighting = FIRFilter("a_weighting", sr=16000, taps=taps)
    assert len(weighting.taps) == taps
    exact = a_weighting_taps(16000, taps)
    for filtered, atol in ((weighting(wave), 1e-12), (weighting(wave.float()), 1e-5)):
        for i in range(2):
            full = np.convolve(wave[i], exact)
            assert np.allclose(filtered[i], full[taps // 2 : taps // 2 + 300], atol=atol)
    assert copy.deepcopy(weighting)(wave).equal(weighting(wave))
    assert list(weighting.state_dict()) == ["taps"]


def test_scales_are_librosas():
    import librosa

    bank = librosa.filters.mel(sr=16000, n_fft=512, n_mels=20, fmin=50, htk=True, norm=None)
    assert np.array_equal(mel_scale(16000, 512, 20, fmin=50, htk=True, norm=None), bank)
    chroma = librosa.filters.chroma(sr=16000, n_fft=512)
    assert np.array_equal(losses.chroma_scale(16000, 512), chroma.astype(np.float32))
