"""Presets against the recipes of their sources, from the waveform to the array and back."""

import numpy as np
import pytest
import torch

from tests.mel_cases import recipe
from tests.recipe_cases import EXACT, RECIPES, likeness
from torch_specinv import STFT, SpecInvError, invert
from torch_specinv.comparing.signals import speech_like
from torch_specinv.mel import PRESETS, preset
from torch_specinv.mel.presets import LIBRARIES, SOUNDS, SPEECH_RECOGNITION, SPEECH_SYNTHESIS

QUIET = {"verbose": False}
# What these leave open
CHANGES = {
    "scipy": {"n_fft": 512, "sr": 16000},
    "scipy_spectrogram": {"n_fft": 512, "sr": 16000},
    "tensorflow": {"n_fft": 512, "win_length": 400, "hop_length": 160, "sr": 16000},
}
# How like the sound is, at least. Frames of scipy's spectrogram share an eighth of their samples,
# and 26 bands say little of where harmonics are.
LIKE = {"scipy_spectrogram": 0.8, "htk": 0.75, "python_speech_features": 0.7}
NAMES = [
    pytest.param(name, marks=pytest.mark.slow if name == "riffusion" else ()) for name in PRESETS
]


def forward(name, *, exact=False):
    """The recipe, by another hand."""
    if name in RECIPES:
        return (EXACT if exact else RECIPES)[name]
    return lambda wave: recipe(name, wave)


def wave_of(sr, seconds=0.6):
    wave = speech_like(sr, 1.0)[sr // 5 : sr // 5 + int(seconds * sr)].double() / 10
    # frames end where the wave does: 400 samples and whole hops, of 160 or of 1024 and 256
    return wave[: len(wave) // 512 * 512]


def empty_bands():
    return pytest.mark.filterwarnings("ignore:.*bands have no bin:UserWarning")


@pytest.mark.filterwarnings("ignore:Empty filters:UserWarning")
@pytest.mark.parametrize("name", PRESETS)
def test_an_array_is_that_of_the_recipe(name):
    p = preset(name, **CHANGES.get(name, {}))
    wave = wave_of(p.sr)
    expected = forward(name, exact=True)(wave.numpy())
    found = p.record(wave).numpy()
    frames = min(found.shape[1], expected.shape[1])
    assert abs(found.shape[1] - expected.shape[1]) <= 1  # some pad or cut at the end
    assert found.shape[0] == expected.shape[0] == (p.rows or 257)
    # librosa's own banks are in single precision
    close = np.abs(found[:, :frames] - expected[:, :frames]).max()
    assert close < 1e-6 * np.abs(expected).max()


@empty_bands()
@pytest.mark.filterwarnings("ignore:Empty filters:UserWarning")
@pytest.mark.parametrize("name", NAMES)
def test_an_array_becomes_its_sound_again(name):
    p = preset(name, **CHANGES.get(name, {}))
    wave = wave_of(p.sr)
    array = torch.from_numpy(forward(name)(wave.numpy()))
    kept = array.clone()
    found = invert(array, preset=p, max_iter=32, **QUIET).wave
    # the first and the last frame say less
    samples = min(len(found), len(wave))
    correlation, level = likeness(found[600 : samples - 600], wave[600 : samples - 600])
    assert correlation > LIKE.get(name, 0.9)
    assert abs(level - 1) < 0.15
    if not p.center:  # no clicks
        assert float(found.abs().max()) < 2.5 * float(wave.abs().max())
    assert abs(len(found) - len(wave)) <= p.n_fft
    assert torch.equal(array, kept)
    # the array of what was found is the array that was given
    again = torch.from_numpy(forward(name)(found.numpy()))
    frames = min(again.shape[1], array.shape[1])
    sums, got = (p.values.restore(x[:, 2 : frames - 2]) for x in (array, again))
    error = 10 * torch.log10((got - sums).square().sum() / sums.square().sum())
    assert float(error) < -25


def test_what_cannot_be_undone_hardly_matters():
    """Kaldi's means of frames and HTK's first samples of frames, in natural logarithms."""
    wave = wave_of(16000).numpy()
    for name, most in (("kaldi", 0.01), ("htk", 0.15)):
        off = np.abs(RECIPES[name](wave) - EXACT[name](wave))
        assert 0 < off.mean() < most


def test_kaldi_in_other_forms():
    wave = wave_of(16000)
    usual = preset("kaldi").record(wave)
    integers = preset("kaldi", amplitude=32768.0).record(wave)
    loud = usual > -15.9  # above the clamp
    assert torch.allclose(integers[loud], usual[loud] + 2 * np.log(32768), atol=1e-9)
    assert preset("kaldi", n_mels=23).record(wave).shape == (23, usual.shape[1])


def test_scipys_transform_as_densities():
    """scipy.signal.stft(scaling="psd") has no bins that stand for two, its spectrogram has."""
    import scipy.signal

    wave = wave_of(16000)
    p = preset("scipy", n_fft=256, sr=16000, scaling="psd")
    expected = scipy.signal.stft(wave.numpy(), 16000, nperseg=256, scaling="psd")[2]
    frames = p.record(wave).shape[1]
    assert np.allclose(p.record(wave), abs(expected)[:, :frames], atol=1e-12)
    for n_fft in (255, 256):
        p = preset("scipy_spectrogram", n_fft=n_fft, sr=16000)
        powers = scipy.signal.spectrogram(
            wave.numpy(), 16000, nperseg=n_fft, noverlap=n_fft // 8, detrend=False
        )[2]
        assert np.allclose(p.record(wave), powers, atol=1e-14)


@pytest.mark.parametrize("batch", [(), (2,), (2, 3)])
def test_batches_are_recorded_item_by_item(batch):
    waves = torch.randn(*batch, 4096, dtype=torch.float64, generator=torch.manual_seed(0)) / 10
    for name in ("hifigan", "kaldi", "demucs"):
        p = preset(name)
        found = p.record(waves)
        assert found.shape[:-2] == batch
        last = waves.reshape(-1, 4096)[-1]
        assert torch.allclose(found.reshape(-1, *found.shape[-2:])[-1], p.record(last))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: preset("scipy").record(torch.zeros(999)), "n_fft or n_mels is not known"),
        (lambda: preset("hifigan").record(torch.zeros(384)), "more than the 384"),
        (lambda: preset("kaldi").record(torch.zeros(399)), "399"),
    ],
)
def test_waves_that_cannot_be_recorded(call, message):
    with pytest.raises(SpecInvError, match=message):
        call()


def test_every_preset_is_in_one_family_and_says_where_it_is_from():
    families = (SPEECH_SYNTHESIS, SPEECH_RECOGNITION, SOUNDS, LIBRARIES)
    assert len(PRESETS) == sum(map(len, families))
    for name, p in PRESETS.items():
        assert len(p.source) > 20, name
        assert p.is_mel == (p.n_mels is not None), name
        assert p.sr or name in CHANGES, name


def test_ends_are_those_of_each_item():
    """A frame that is not centred says next to nothing of its first and last samples."""
    p = preset("tensorflow", n_fft=512, win_length=400, hop_length=160)
    waves = torch.stack([wave_of(16000), wave_of(16000).roll(3000)])
    array = p.record(waves)
    lengths = [400 + 160 * (array.shape[-1] - 1), 400 + 160 * 20 + 7]
    found = invert(array, preset=p, lengths=lengths, max_iter=32, **QUIET).wave
    assert float(found.abs().max()) < 2 * float(waves.abs().max())
    assert not found[1, lengths[1] :].any()
    alone = invert(array[1, :, :21], preset=p, length=lengths[1], max_iter=32, **QUIET).wave
    assert torch.allclose(found[1, : lengths[1]], alone, atol=1e-6)
    # a phase says all of them
    window = torch.hann_window(400, dtype=torch.float64)
    stft = STFT.of_wave(
        waves, n_fft=512, hop_length=160, win_length=400, window=window, window_align="start",
        center=False,
    )  # fmt: skip
    given = invert(stft.analyse(waves), "griffin_lim", preset=p, max_iter=5, **QUIET).wave
    seen = slice(5, lengths[0] - 5)
    assert torch.allclose(given[:, seen], waves[:, seen], atol=1e-6)
