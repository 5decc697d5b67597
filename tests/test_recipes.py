"""Whole recipes: from a waveform to somebody's array, and back with one keyword."""

import numpy as np
import pytest
import scipy.signal
import torch

from tests.recipe_cases import likeness
from torch_specinv import STFT, SpecInvError, griffin_lim, invert, mel_to_audio, nn
from torch_specinv.comparing.signals import speech_like
from torch_specinv.mel import Levels, MelSpec, Preset, preset
from torch_specinv.mel.emphasis import deemphasise

QUIET = {"verbose": False}


def wave_of(samples=8000):
    return speech_like()[4000 : 4000 + samples].double()


@pytest.mark.parametrize("coefficient", [0.0, 0.5, 0.97, 0.999])
@pytest.mark.parametrize("samples", [1, 2, 5000])
def test_deemphasis(coefficient, samples):
    wave = torch.randn(2, samples, dtype=torch.float64, generator=torch.manual_seed(0))
    emphasised = scipy.signal.lfilter([1, -coefficient], [1], wave.numpy())
    found = deemphasise(torch.from_numpy(emphasised), coefficient)
    assert torch.allclose(found, wave, atol=1e-10)


def test_a_linear_recipe_in_decibels():
    """Normalised decibels of a pre-emphasised wave of 16 bit integers, without the Nyquist bin."""
    wave = wave_of()
    recipe = Preset(
        Levels(log="dB", clamp=1e-5, shift=-100.0, scale=100.0), None, 512, 128, "a test",
        nyquist=False, preemphasis=0.97, amplitude=32768.0, sr=16000,
    )  # fmt: skip
    emphasised = scipy.signal.lfilter([1, -0.97], [1], 32768 * wave.numpy())
    window = torch.hann_window(512, dtype=torch.float64)
    spectrum = torch.stft(
        torch.from_numpy(emphasised), 512, 128, window=window, return_complex=True
    )
    array = (20 * spectrum.abs().clamp_min(1e-5).log10() + 100)[:-1] / 100
    result = invert(array, preset=recipe, length=8000, max_iter=60, **QUIET)
    correlation, level = likeness(result.wave, wave)
    assert correlation > 0.995
    assert abs(level - 1) < 0.02
    assert result.wave.dtype == torch.float64
    # every door has the keyword
    for other in (
        griffin_lim(array, preset=recipe, length=8000, **QUIET),
        nn.GriffinLim(preset=recipe, length=8000)(array),
        griffin_lim(torch.stack([array, array]), preset=recipe, lengths=[8000, 7900], **QUIET)[0],
    ):
        assert likeness(other, wave)[0] > 0.98


def test_half_precision_stays_what_it_is():
    recipe = Preset(Levels(log="dB", scale=10), None, None, None, "a test")
    array = torch.rand(65, 9, generator=torch.manual_seed(0)).half()
    assert invert(array, preset=recipe, **QUIET).wave.dtype == torch.float16


def test_statistics_and_preemphasis_of_a_mel():
    wave = wave_of()
    emphasised = torch.from_numpy(scipy.signal.lfilter([1, -0.97], [1], wave.numpy()))
    window = torch.hann_window(1024, dtype=torch.float64)
    stft = STFT.of_wave(emphasised, n_fft=1024, hop_length=256, window=window)
    mel = MelSpec(16000, log="ln", clamp=1e-5).record(stft(emphasised), 80)
    mean, std = mel.mean(1), mel.std(1)
    array = (mel - mean[:, None]) / std[:, None]
    found = mel_to_audio(
        array,
        16000,
        n_fft=1024,
        hop_length=256,
        window=window,
        log="ln",
        clamp=1e-5,
        shift=mean,
        scale=std,
        preemphasis=0.97,
        length=8000,
        **QUIET,
    )
    assert likeness(found, wave)[0] > 0.95
    whole = MelSpec(16000, log="ln", clamp=1e-5, shift=mean, scale=std)
    again = mel_to_audio(
        array,
        whole,
        n_fft=1024,
        hop_length=256,
        window=window,
        preemphasis=0.97,
        length=8000,
        **QUIET,
    )
    assert torch.equal(found, again)


def test_a_callback_sees_the_finished_waves():
    recipe = preset("hifigan", amplitude=4.0, preemphasis=0.5)
    mel = torch.randn(2, 80, 20, generator=torch.manual_seed(0)) - 5
    seen = []
    found = mel_to_audio(
        mel, preset=recipe, max_iter=10, callback=lambda report: seen.append(report.wave), **QUIET
    )
    assert seen[-1].shape == found.shape
    assert torch.equal(seen[-1], found)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"preset": "hifigan", "n_fft": 512}, r"preset\('hifigan', n_fft=...\) to change"),
        ({"preset": "hifigan", "mel": MelSpec(16000)}, "mel and preset are both given"),
        ({"preset": "hifigun"}, "Did you mean 'hifigan'"),
    ],
)
def test_what_contradicts_a_preset(keywords, message):
    with pytest.raises(SpecInvError, match=message):
        invert(torch.zeros(80, 9), **keywords, **QUIET)


def test_conventions_that_contradict_each_other():
    mel = torch.zeros(80, 9)
    with pytest.raises(SpecInvError, match=r"shift and preset='hifigan'"):
        mel_to_audio(mel, preset="hifigan", shift=np.zeros(80), **QUIET)
    with pytest.raises(SpecInvError, match="log and a MelSpec"):
        mel_to_audio(mel, MelSpec(16000), log="ln", **QUIET)


def test_every_convention_said_one_by_one():
    """What a preset says can be said by keywords as well."""
    array = preset("kaldi").record(wave_of())
    found = mel_to_audio(
        array, 16000, n_fft=512, hop_length=160, win_length=400, window_align="start",
        center=False, window=torch.hann_window(400, periodic=False) ** 0.85, fmin=20,
        filters="kaldi", power=2, log="ln", clamp=1.1920928955078125e-07, preemphasis=0.97, **QUIET,
    )  # fmt: skip
    assert torch.allclose(found, mel_to_audio(array, preset="kaldi", **QUIET), atol=1e-4)


@pytest.mark.parametrize(("n_fft", "nyquist"), [(64, True), (64, False), (63, True)])
def test_power_spectral_densities(n_fft, nyquist):
    """scipy doubles the bins that stand for two: all but 0 and, if n_fft is even, the last."""
    wave = wave_of(2000).numpy()
    window = scipy.signal.get_window("hann", n_fft)
    keywords = {"fs": 100, "window": window, "noverlap": n_fft - 16, "detrend": False}
    density = scipy.signal.spectrogram(wave, nperseg=n_fft, mode="psd", **keywords)[2]
    recipe = Preset(
        Levels(power=2.0), None, n_fft, 16, "a test", scaling="psd", nyquist=nyquist, sr=100
    )
    found = recipe.magnitude(torch.from_numpy(density if nyquist else density[:-1])).numpy()
    frames = np.lib.stride_tricks.sliding_window_view(wave, n_fft)[::16] * window
    expected = abs(np.fft.rfft(frames)).T / np.sqrt(100 * (window**2).sum())
    if not nyquist:
        expected[-1] = 0
    np.testing.assert_allclose(found, expected, atol=1e-12 * expected.max())


def test_the_window_of_a_recipe_is_as_precise_as_its_spectra():
    wave = wave_of(2000)
    window = torch.hann_window(64, dtype=torch.float64)
    spectrum = torch.stft(wave, 64, window=window, return_complex=True)
    recipe = Preset.plain(n_fft=64)
    found = griffin_lim(spectrum, 3, preset=recipe, length=2000, **QUIET)
    assert (found - wave).abs().max() < 1e-12
    assert found.dtype == torch.float64
    assert torch.equal(recipe.stft_keywords(33)["window"], window)
