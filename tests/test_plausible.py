"""Arrays that the recipe which is named can't have written are refused, with the cure."""

from __future__ import annotations

import math

import pytest
import torch

from tests.conftest import hann
from torch_specinv import STFT, SpecInvError, invert, mel_to_audio
from torch_specinv.mel import MelSpec, Preset, preset
from torch_specinv.mel.plausible import implied_peak, least_peak

QUIET = {"verbose": False, "max_iter": 2}


@pytest.mark.parametrize(
    ("shape", "name", "message"),
    [
        ((64, 90), "hifigan", "mel has 64 bands, preset='hifigan' has 80.*n_mels=..."),
        ((128, 90), "vocos", "128 bands, preset='vocos' has 100"),
        ((334, 80), "hifigan", r"334 bands, .* has 80\. The array is transposed: pass mel\.mT"),
        ((513, 90), "hifigan", "A linear spectrogram?"),
    ],
)
def test_other_numbers_of_bands(shape, name, message):
    with pytest.raises(SpecInvError, match=message):
        mel_to_audio(torch.zeros(shape), preset=name, **QUIET)


def test_a_preset_of_other_bands_is_a_change():
    changed = preset("hifigan", n_mels=64)
    silence = torch.full((64, 20), math.log(1e-5))
    assert mel_to_audio(silence, preset=changed, **QUIET).shape == (5120,)


@pytest.mark.parametrize("name", ["hifigan", "whisper", "espnet", "vocos", "tortoise"])
@pytest.mark.parametrize("level", [40.0, 100.0, 1e4])
def test_values_whose_exponential_no_sound_has(name, level):
    p = preset(name)
    with pytest.raises(SpecInvError, match=r"overflows|no sound has that"):
        mel_to_audio(torch.full((p.n_mels, 20), level), preset=name, **QUIET)


def test_a_magnitude_that_overflows():
    recipe = Preset.plain(16000)
    recipe = preset(recipe, log="ln")
    with pytest.raises(SpecInvError, match=r"reaches 100, .*overflows"):
        invert(torch.full((65, 20), 100.0), preset=recipe, **QUIET)


@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize("amplitude", [1e-3, 1.0, 100.0])
def test_the_peak_that_bands_imply(power, amplitude):
    time = torch.arange(16000, dtype=torch.float64) / 16000
    window, mel = hann(1024), MelSpec(16000, power=power)
    bank = mel.bank(1024, 80).double()
    for frequency in (310.0, 1234.5, 6000.0):
        wave = amplitude * torch.sin(2 * math.pi * frequency * time)
        magnitude = STFT.of_wave(wave, n_fft=1024, window=window)(wave)
        peak = implied_peak(bank @ magnitude**power, window, 1024, bank, power)
        assert 0.7 * amplitude < peak < 1.2 * amplitude


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_no_wave_has_a_lower_peak(power):
    window = hann(512)
    bank = MelSpec(16000, power=power).bank(512, 40).double()
    time, noise = torch.arange(8000), torch.randn(8000, generator=torch.manual_seed(0))
    for wave in (noise, torch.sin(0.1 * time), torch.sin(0.1 * time).sign(), torch.ones(8000)):
        magnitude = STFT.of_wave(wave.double(), n_fft=512, window=window)(wave.double())
        peak = float(wave.abs().max())
        assert 0.02 * peak < least_peak(magnitude, window) <= peak * (1 + 1e-9)
        sums = bank @ magnitude**power
        assert 0.001 * peak < least_peak(sums, window, bank, power) <= peak * (1 + 1e-9)
    assert least_peak(magnitude, window) == pytest.approx(1)  # a constant reaches it


def test_the_peak_of_noise_is_no_higher():
    wave = 2 * torch.rand(16000, dtype=torch.float64, generator=torch.manual_seed(0)) - 1
    bank = MelSpec(16000).bank(1024, 80).double()
    magnitude = STFT.of_wave(wave, n_fft=1024, window=hann(1024))(wave)
    assert implied_peak(bank @ magnitude, hann(1024), 1024, bank, 1.0) < 1
