"""Other scales than mel, as banks to invert, and cepstral coefficients."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch

from tests.conftest import magnitude
from torch_specinv import STFT, SpecInvError, invert, mel_to_audio, metrics
from torch_specinv.comparing.signals import music_like, speech_like
from torch_specinv.mel import MelSpec, mfcc_to_mel
from torch_specinv.transform.filter_banks import (
    bark_scale,
    chroma_scale,
    erb_scale,
    mel_scale,
    third_octave_scale,
)

SCALES = {
    "bark": bark_scale(16000, 512),
    "erb": erb_scale(16000, 512),
    "third octaves": third_octave_scale(16000, 512),
    "chroma": chroma_scale(16000, 512),
    "mel": mel_scale(16000, 512, 40),
}
FORMULAS = {
    bark_scale: lambda f: 26.81 * f / (1960 + f) - 0.53,
    erb_scale: lambda f: 21.4 * np.log10(1 + 0.00437 * f),
}


@pytest.mark.parametrize("scale", FORMULAS, ids=lambda scale: scale.__name__)
def test_triangles_lie_evenly_on_their_scale(scale):
    bank = scale(16000, 65536, 20, fmax=7000).numpy()
    frequencies = np.arange(32769) * 16000 / 65536
    place = FORMULAS[scale](frequencies)
    step = (FORMULAS[scale](7000.0) - FORMULAS[scale](0.0)) / 21
    peaks = place[bank.argmax(1)]
    assert np.allclose(np.diff(peaks), step, atol=0.01)
    # a triangle ends where its neighbours have their maxima
    for row in range(1, 19):
        inside = bank[row] > 0
        assert abs(place[inside][0] - peaks[row - 1]) < 0.02
        assert abs(place[inside][-1] - peaks[row + 1]) < 0.02
    middle = (place > peaks[0]) & (place < peaks[-1])
    assert np.allclose(bank[:, middle].sum(0), 1, atol=1e-5)


def test_third_octaves():
    bank = third_octave_scale(48000, 65536).numpy()
    width = 48000 / 65536
    # the exact band centred at 1 kHz reaches from 891.25 to 1122.02 Hz
    centres = 1000 * 10 ** (np.arange(-16, 14) / 10)
    assert len(bank) == 30
    row = int(abs(centres - 1000).argmin())
    assert bank[row].sum() * width == pytest.approx(1122.018 - 891.251, rel=1e-5)
    inside = np.flatnonzero(bank[row] == 1) * width
    assert abs(inside[0] - 891.25) < 1
    assert abs(inside[-1] - 1122.02) < 1
    seen = bank[:, int(25 / width) : int(centres[-1] / width)].sum(0)
    assert np.allclose(seen, 1, atol=1e-4)


@pytest.mark.filterwarnings("ignore:.*bands have no bin:UserWarning")
@pytest.mark.parametrize("name", SCALES)
def test_every_scale_inverts(name):
    wave = music_like(16000, 1.0)
    bank = SCALES[name]
    target = bank @ magnitude(wave, 512)
    window = torch.hann_window(512)
    settings = {"n_fft": 512, "window": window, "length": len(wave), "verbose": False}
    found = invert(target, mel=bank, max_iter=50, **settings)
    again = bank @ STFT.of_wave(found.wave, n_fft=512, window=window)(found.wave)
    assert metrics.sc(again, target) < -20
    assert found.history["sc"][-1] == pytest.approx(float(metrics.sc(again, target)), abs=0.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bark_scale(0, 512), "sr=0"),
        (lambda: erb_scale(16000, 512, 0), "n_bands=0"),
        (lambda: bark_scale(16000, 512, fmax=9000), "fmax=9000 .*8000 Hz"),
        (lambda: third_octave_scale(16000, 512, fmin=9000), "fmin=9000"),
        (lambda: third_octave_scale(16000, 512, fmin=7900), "no band"),
        (lambda: MelSpec(16000, reach=8.0), "reach=8.0: .* a logarithm"),
        (lambda: MelSpec(16000, log="ln", reach=-1.0), "reach=-1.0"),
        (lambda: mfcc_to_mel(torch.rand(130, 5)), r"\(130, 5\).*n_mels=128 .*Transposed"),
        (lambda: mfcc_to_mel(torch.rand(13, 5), lifter=-1), "lifter=-1"),
        (lambda: mfcc_to_mel(torch.rand(5)), r"\(5,\)"),
        (lambda: mfcc_to_mel(torch.rand(3, 4) * torch.nan), "NaN"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(SpecInvError, match=message):
        call()


# -- cepstral coefficients -----------------------------------------------------------------------


@pytest.mark.parametrize("lifter", [0, 22])
@pytest.mark.parametrize("count", [13, 40])
def test_mfcc_to_mel_is_librosas_inverse(count, lifter):
    wave = speech_like(16000, 0.5).numpy()
    mfcc = librosa.feature.mfcc(y=wave, sr=16000, n_mfcc=count, n_mels=64, lifter=lifter)
    theirs = librosa.feature.inverse.mfcc_to_mel(mfcc, n_mels=64, lifter=lifter, ref=1.0)
    ours = mfcc_to_mel(torch.from_numpy(mfcc), 64, lifter=lifter)
    assert np.allclose(ours, librosa.power_to_db(theirs, top_db=None), atol=1e-3)


def test_all_coefficients_give_back_the_mel_spectrogram_and_the_sound():
    wave = speech_like(16000, 1.0)
    spec = MelSpec(16000, power=2.0, log="dB", clamp=1e-10)
    stft = STFT.of_wave(wave, n_fft=1024, window=torch.hann_window(1024))
    mel = spec.record(stft(wave), 80)
    mfcc = torch.from_numpy(librosa.feature.mfcc(S=mel.numpy(), n_mfcc=80))
    again = mfcc_to_mel(mfcc, 80)
    assert torch.allclose(again, mel, atol=1e-3)
    found = mel_to_audio(again, 16000, n_fft=1024, power=2, log="dB", length=16000, verbose=False)
    linear = [spec.restore(spec.record(stft(x), 80)) for x in (found, wave)]
    assert metrics.sc(*linear) < -20


def test_mfcc_keeps_shape_dtype_and_gradient():
    mfcc = torch.rand(2, 3, 13, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda c: mfcc_to_mel(c, 20), mfcc)
    half = mfcc_to_mel(mfcc.detach().half(), 20)
    assert half.dtype == torch.float16
    assert half.shape == (2, 3, 20, 7)
