"""Filter banks of Kaldi, HTK and python_speech_features, and banks that are matrices."""

import numpy as np
import pytest
import torch

from tests.recipe_cases import htk_bank, kaldi_bank, likeness, whole_bins_bank
from torch_specinv import STFT, SpecInvError, invert, mel_to_audio
from torch_specinv.comparing.signals import speech_like
from torch_specinv.mel import MelSpec
from torch_specinv.transform.speech_banks import BANKS, speech_scale

QUIET = {"verbose": False}
REFERENCES = {"kaldi": kaldi_bank, "htk": htk_bank, "python_speech_features": whole_bins_bank}


@pytest.mark.parametrize("filters", BANKS)
@pytest.mark.parametrize("n_mels", [13, 26, 80])
@pytest.mark.parametrize(("sr", "n_fft"), [(16000, 512), (8000, 200), (22050, 1024)])
def test_banks_are_those_of_their_sources(filters, n_mels, sr, n_fft):
    for low, high in ((20.0, None), (130.0, 3400.0)):
        found = speech_scale(filters, sr, n_fft, n_mels, fmin=low, fmax=high)
        high = {} if high is None else {"high": high}
        expected = REFERENCES[filters](sr, n_fft, n_mels, low, **high)
        assert found.dtype == torch.float64
        assert np.allclose(found, expected, atol=1e-12)
        mel = MelSpec(sr, filters=filters, fmin=low, fmax=high.get("high"))
        assert torch.equal(mel.bank(n_fft, n_mels), found)


@pytest.mark.parametrize("n_fft", [255, 256, 2])
@pytest.mark.parametrize("filters", BANKS)
def test_every_size_has_a_finite_bank(filters, n_fft):
    bank = speech_scale(filters, 16000, n_fft, 10)
    assert bank.shape == (10, n_fft // 2 + 1)
    assert bool(torch.isfinite(bank).all())
    assert float(bank.min()) >= 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: speech_scale("kaldy", 16000, 512, 80), "Did you mean 'kaldi'"),
        (lambda: speech_scale("kaldi", 16000, 512, 0), "n_mels=0"),
        (lambda: speech_scale("kaldi", 16000, 512, 80, fmax=9000), "fmax <= 8000 Hz"),
        (lambda: MelSpec(16000, filters="librosas"), "Did you mean 'librosa'"),
        (lambda: MelSpec(16000, filters=torch.ones(5)), r"filters has shape \(5,\)"),
        (lambda: MelSpec(16000, filters=-torch.ones(5, 9)), "that is not negative"),
        (lambda: MelSpec(16000, filters=torch.ones(5, 9) / 0), "filters holds"),
        (lambda: MelSpec(16000, filters=3), "filters is a int"),
        (lambda: MelSpec(16000, filters=torch.ones(5, 9)).bank(16, 6), "filters has 5 bands"),
        (lambda: MelSpec(16000, filters=torch.ones(5, 9)).bank(32, 5), "9 bins, but n_fft=32"),
    ],
)
def test_wrong_banks(call, message):
    with pytest.raises(SpecInvError, match=message):
        call()


def test_a_matrix_is_compared_by_its_content():
    bank = torch.rand(20, 129, dtype=torch.float64, generator=torch.manual_seed(0))
    one, same = MelSpec(16000, filters=bank), MelSpec(16000, filters=bank.clone())
    assert one == same
    assert hash(one) == hash(same)
    assert one != MelSpec(16000, filters=bank + 0.5)
    assert one != MelSpec(16000)
    assert "a matrix (20, 129)" in repr(one)
    bank.zero_()  # what was given may be used for something else
    assert one == same


def test_a_matrix_with_powers_and_logarithms():
    wave = speech_like()[4000:12000].double()
    window = torch.hann_window(512, dtype=torch.float64)
    stft = STFT.of_wave(wave, n_fft=512, hop_length=128, window=window)
    bank = torch.from_numpy(kaldi_bank(16000, 512, 60))
    array = (torch.log((bank @ stft(wave) ** 2).clamp_min(1e-10)) + 3) / 4
    settings = {"power": 2, "log": "ln", "clamp": 1e-10, "shift": -3, "scale": 4}
    # n_fft follows from the bins
    found = mel_to_audio(array, 16000, filters=bank, length=8000, **settings, **QUIET)
    named = mel_to_audio(
        array, 16000, filters="kaldi", fmin=20, n_fft=512, length=8000, **settings, **QUIET
    )
    assert torch.allclose(found, named, atol=1e-6)
    assert likeness(found, wave)[0] > 0.9
    mel = MelSpec(16000, filters=bank, **settings)
    other = invert(array, mel=mel, hop_length=128, window=window, max_iter=32, **QUIET).wave
    assert likeness(other, wave)[0] > 0.9
    with pytest.raises(SpecInvError, match="filters has 60 bands, mel 59"):
        mel_to_audio(array[:-1], 16000, filters=bank, **settings, **QUIET)
