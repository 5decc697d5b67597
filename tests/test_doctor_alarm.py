"""The doctor before an inversion: quiet on true magnitudes, loud on what is plainly none."""

from __future__ import annotations

import warnings

import pytest
import torch

from tests.conftest import hann, magnitude
from torch_specinv import STFT, ConventionWarning, SpecInvError, invert, mel_to_audio
from torch_specinv.comparing.signals import CLIPS, music_like, speech_like
from torch_specinv.doctor.measure import Measurement, QuickTexture
from torch_specinv.doctor.recorded import doubt
from torch_specinv.doctor.units import UNITS
from torch_specinv.doctor.windows import sharpness
from torch_specinv.mel import preset

# -- true magnitudes -----------------------------------------------------------------------------

TIME = torch.arange(32000) / 16000


SOUNDS = {
    "sine": torch.sin(2 * torch.pi * 440 * TIME),
    "sweep": torch.sin(2 * torch.pi * 1000 * TIME**2),
    "white noise": torch.randn(32000, generator=torch.Generator().manual_seed(0)),
    "clicks": (torch.arange(32000) % 4001 == 0).float(),
    "speech": speech_like(16000, 2.0),
    "quiet speech": 1e-4 * speech_like(16000, 2.0),
    "music": music_like(16000, 2.0),
    "square wave": torch.sign(torch.sin(2 * torch.pi * 220 * TIME)),
    "gated tone": torch.sin(2 * torch.pi * 1000 * TIME) * (torch.sin(20 * TIME) > 0),
    "8 bits": torch.round(127 * torch.sin(2 * torch.pi * 440 * TIME)) / 127,
    "silence": torch.zeros(32000),
}
WINDOWS = {
    "hann": torch.hann_window(512),
    "hamming": torch.hamming_window(512),
    "root of hann": torch.hann_window(512).sqrt(),
    "ones": torch.ones(512),
    "short": torch.nn.functional.pad(torch.hann_window(256), (128, 128)),
    "a little short": torch.nn.functional.pad(torch.hann_window(400), (56, 56)),
}


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("sound", SOUNDS)
@pytest.mark.parametrize("hop", [32, 128])
def test_no_false_alarm_on_true_magnitudes(sound, window, hop):
    spec = magnitude(SOUNDS[sound], 512, window=WINDOWS[window], hop_length=hop)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        invert(spec, max_iter=1, window=WINDOWS[window], hop_length=hop, verbose=False)


@pytest.mark.parametrize("sound", ["speech", "music"])
@pytest.mark.parametrize("window", WINDOWS)
def test_what_is_plainly_not_a_magnitude_is_warned_of(sound, window):
    keywords = {"window": WINDOWS[window], "hop_length": 64}
    spec = magnitude(SOUNDS[sound], 512, **keywords)
    keywords |= {"max_iter": 1, "verbose": False}
    if window != "ones":
        with pytest.warns(ConventionWarning, match=r"looks like .*power.*spec\.sqrt\(\)"):
            invert(spec**2, **keywords)
    if "short" in window and sound == "music":
        return  # clean silence is as rough as magnitudes
    unit = ((20 * spec.clamp_min(1e-5).log10() + 80) / 100).clamp(0, 1)
    with pytest.warns(ConventionWarning, match=r"100 dB normalised to \[0, 1\].*diagnose"):
        invert(unit, **keywords)


@pytest.mark.parametrize("n_fft", [400, 1024, 4096])
def test_the_texture_follows_from_the_window(n_fft):
    """Compared with that of a made-up recording."""

    def peaks(window):
        spec = magnitude(SOUNDS["speech"].double(), n_fft, window=window, hop_length=n_fft // 8)
        return Measurement.at(spec[None]).texture(UNITS[0], 1.0)[0]

    hann = torch.hann_window(n_fft).double()
    assert abs(sharpness(hann)) < 0.06
    half = n_fft // 2
    for window in (
        torch.hamming_window(n_fft).double(),
        torch.nn.functional.pad(torch.hann_window(half).double(), (n_fft // 4, n_fft // 4)),
        torch.nn.functional.pad(torch.hann_window(half).double(), (0, half)),
    ):
        assert sharpness(window) == pytest.approx(peaks(window) - peaks(hann), abs=0.2)


KEYWORDS = {"window": WINDOWS["hann"], "max_iter": 1, "verbose": False}


def test_one_loud_item_of_a_batch_is_enough():
    spec = magnitude(SOUNDS["speech"], 512)
    batch = torch.stack([0.01 * spec, torch.zeros_like(spec), spec**2])
    with pytest.warns(ConventionWarning, match="power"):
        invert(batch, **KEYWORDS)
    with pytest.warns(ConventionWarning, match="power"):
        invert(batch.half()[None], **KEYWORDS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        invert(batch[:2], **KEYWORDS)


def test_the_longest_item_of_a_padded_batch():
    """What lies behind it is not looked at, whatever it is."""
    spec = magnitude(SOUNDS["speech"], 512)
    half = spec.shape[-1] // 2
    short = torch.nn.functional.pad(spec[:, :half], (0, 40))
    short, long = short[:, : half + 40], spec[:, : half + 20]
    batch = torch.stack([short, torch.nn.functional.pad(long, (0, 20), value=1e4)])
    lengths = [128 * (half - 1), 128 * (half + 19)]
    with pytest.warns(ConventionWarning, match="power"):
        invert(batch**2, lengths=lengths, **KEYWORDS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        invert(batch, lengths=lengths, **KEYWORDS)


def test_mel_spectrograms_in_batches():
    mel = preset("hifigan").record(speech_like(22050, 1.0))
    silence = torch.full_like(mel, -11.5129)
    batch = torch.stack([silence, mel / 2.302585])
    run = {"preset": "hifigan", "max_iter": 1, "verbose": False}
    with pytest.warns(ConventionWarning, match="espnet"):
        mel_to_audio(batch, **run)
    with pytest.warns(ConventionWarning, match="espnet"):
        mel_to_audio(batch, lengths=[5000, 256 * mel.shape[1]], **run)


# -- mel spectrograms ----------------------------------------------------------------------------


def told_of(array, **keywords):
    with pytest.warns(ConventionWarning) as caught:
        mel_to_audio(array, max_iter=1, verbose=False, **keywords)
    return str(caught[0].message)


def test_the_words_of_the_warning():
    recipe = preset("hifigan", shift=-2.0)  # quieter than what is too loud anyway
    for over, each in (((0, 1), ""), ((1,), " in each band")):
        mel = recipe.record(speech_like(22050, 1.0))
        mel = (mel - mel.mean(over, keepdim=True)) / mel.std(over, keepdim=True, correction=0)
        reason = doubt(mel[None].double(), recipe.mel, 1024, hann(1024))
        assert reason == f"its mean is 0 and its standard deviation 1{each}: it was standardised"


def test_a_recipe_is_known_by_what_it_says():
    """A preset that is passed itself, as the command line does, has its name and its checks."""
    mel = preset("hifigan").record(speech_like(22050, 1.0))
    told = told_of(mel / 2.302585, preset=preset("hifigan"))
    assert "of preset='hifigan', but" in told
    assert "these conventions" in told_of(mel / 2.302585, preset=preset("hifigan", fmin=1.0))
    powers = preset("librosa").record(speech_like(22050, 1.0))
    assert "preset='librosa'" in told_of(1e5 * powers, preset=preset("librosa"))


def test_the_guess_is_never_the_call_that_was_made():
    """At 16 bits it is a mel spectrogram of HiFi-GAN all the same."""
    mel = preset("hifigan").record(32768 * speech_like(22050, 1.0))
    for recipe in ("hifigan", preset("hifigan")):
        told = told_of(mel, preset=recipe)
        assert "16 bit integers" in told
        assert "It looks like" not in told


def quiet_about(array, name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mel_to_audio(array, preset=name, max_iter=1, verbose=False)


@pytest.mark.parametrize("name", ["hifigan", "whisper", "kaldi", "tacotron_mel"])
def test_a_constant_is_silence_or_no_sound(name):
    silence = preset(name).record(torch.zeros(32000))
    quiet_about(silence, name)
    for value in (0.3, 0.9):
        told = told_of(torch.full_like(silence, value), preset=name)
        assert f"all of its values are {value}" in told


def test_integers_reach_1():
    """Recipes that start from 16 bit integers, given values in [0, 1] as images have them."""
    mel = preset("htk").record(speech_like(16000, 1.0))
    unit = (mel - mel.amin() + 1) / (mel.amax() - mel.amin() + 2)
    assert "integers of this recipe reach 1 at least" in told_of(unit, preset="htk")
    noise = torch.randint(-1, 2, (16000,), generator=torch.Generator().manual_seed(0)) / 32768
    clicks = (torch.arange(16000) % 4001 == 0) / 32768
    quiet_about(preset("htk").record(clicks), "htk")
    for name in ("htk", "python_speech_features"):
        quiet_about(preset(name).record(noise), name)


def test_a_recipe_that_standardises_makes_means_near_0():
    mel = preset("matcha").record(speech_like(22050, 1.0))
    mel = 1.01 * (mel - mel.mean()) / mel.std()
    recipe = preset("matcha").mel
    assert doubt(mel[None].double() + 0.01, recipe, 1024, hann(1024)) is None
    mel = (mel - mel.mean()) / mel.std()
    assert "standardised" in doubt(mel[None].double(), recipe, 1024, hann(1024))


def test_the_peak_of_normalised_spectra():
    recipe = preset("python_speech_features", amplitude=1.0)
    wave = speech_like(16000, 1.0)
    wave = wave / wave.abs().max()
    quiet_about(recipe.record(wave), recipe)
    assert "where sound lies within [-1, 1]" in told_of(recipe.record(100 * wave), preset=recipe)


def test_small_values_are_not_clamped_ones():
    """A linear spectrogram goes down to nearly 0; a clamp makes exactly 0."""
    recipe = preset("tacotron_mel")
    wave = speech_like(recipe.sr, 1.0)
    wave[:4000] = 0
    mel = recipe.record(wave)
    assert (mel == 0).float().mean() > 0.1
    quiet_about(mel, "tacotron_mel")
    wave += 1e-5 * torch.randn(len(wave), generator=torch.Generator().manual_seed(0))
    stft = STFT.of_wave(wave, **recipe.stft_keywords())
    linear = recipe.mel.bank(recipe.n_fft, recipe.n_mels) @ stft(wave)[:, 30:]
    told = told_of(0.5 * linear / linear.max(), preset="tacotron_mel")
    assert "unusually close together" in told


def test_errors_suggest_the_doctor():
    with pytest.raises(SpecInvError, match=r"torch_specinv\.diagnose\(spec\)"):
        invert((magnitude(SOUNDS["speech"], 512) + 1e-5).log(), window=WINDOWS["hann"])
    with pytest.raises(SpecInvError, match=r"diagnose"):
        invert(torch.rand(80, 50), window=None)


@pytest.mark.parametrize("clip", CLIPS)
def test_the_quick_texture_is_the_texture(clip):
    """Compared with any bound, without sorting."""
    spec = magnitude(CLIPS[clip](sr=8000, seconds=1.0).double(), 512)
    for power in (0.5, 1, 2):
        part = (spec**power)[None, :, :64]
        peaks, changes = Measurement.at(part).texture(UNITS[0], 1.0)
        quick = QuickTexture(UNITS[0].straighten(part[0]))
        assert quick.is_known
        for bound in torch.linspace(-3, 3, 61).tolist():
            assert quick.peaks_above(bound) == (peaks > bound)
            assert quick.changes_above(bound) == (changes > bound)
