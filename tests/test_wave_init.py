"""A start for unknown transforms: the measured bank, and what it is worth."""

from __future__ import annotations

import math
import warnings

import pytest
import torch

from torch_specinv import L_BFGS, STFT, SpecInvError, metrics, wave_init
from torch_specinv.comparing.signals import music_like
from torch_specinv.optimize.frequency_response import measure_bank
from torch_specinv.transform.filter_banks import mel_scale, third_octave_scale

SR, SAMPLES = 8000, 8192
STFT_512 = STFT.of_wave(torch.zeros(SAMPLES), n_fft=512, window=torch.hann_window(512))


class ConstantQ(torch.nn.Module):
    """Magnitudes of a constant-Q transform: complex kernels, each ten or so periods long."""

    def __init__(self, bands: int = 48, hop: int = 128) -> None:
        super().__init__()
        self.hop, self.longest = hop, 1025
        kernels = torch.zeros(bands, self.longest, dtype=torch.complex64)
        for band in range(bands):
            frequency = 110 * 2 ** (band / 12)
            length = min(self.longest, int(17 * SR / frequency) // 2 * 2 + 1)
            time = torch.arange(length) - length // 2
            tone = torch.exp(2j * math.pi * frequency / SR * time)
            begin = (self.longest - length) // 2
            window = torch.hann_window(length, periodic=False)
            kernels[band, begin : begin + length] = window * tone / window.sum()
        self.register_buffer("real", kernels.real[:, None].contiguous())
        self.register_buffer("imag", kernels.imag[:, None].contiguous())

    def forward(self, wave):
        x = wave.reshape(-1, 1, wave.shape[-1])
        x = torch.nn.functional.pad(x, (self.longest // 2,) * 2)
        real, imag = (torch.nn.functional.conv1d(x, k, stride=self.hop)
                      for k in (self.real.to(x), self.imag.to(x)))  # fmt: skip
        power = real**2 + imag**2
        magnitude = torch.where(power > 0, torch.where(power > 0, power, 1).sqrt(), 0)
        return magnitude.reshape(*wave.shape[:-1], *magnitude.shape[-2:])


CQT = ConstantQ()


def music(seed=0):
    return music_like(SR, 2.0, seed=seed)[2000 : 2000 + SAMPLES]


@pytest.mark.parametrize("degree", [1, 2])
def test_a_bank_of_powers_is_found_again(degree):
    """Wide bands, which the leakage of the window does not blur."""
    bins = torch.arange(257)
    bank = torch.exp(-0.5 * ((bins - 16 * torch.arange(1, 16)[:, None]) / 12.0) ** 2)

    def transform(x):
        power = bank @ STFT_512(x).square()
        return power if degree == 2 else power.sqrt()

    found, its_degree = measure_bank(transform, torch.zeros(SAMPLES), 15, 512, torch.manual_seed(0))
    assert its_degree == degree
    inner = slice(2, -2)
    assert (found[:, inner] - bank[:, inner]).abs().max() < 0.1


@pytest.mark.parametrize("samples", [4096, 5000, 8000])
def test_a_bank_that_passes_everything(samples):
    """Also where the transform takes one length only, which is not that of the probes."""
    stft = STFT.of_wave(torch.zeros(samples), n_fft=1024, window=torch.hann_window(1024))

    def transform(x):
        assert x.shape[-1] == samples
        return stft(x).square().sum(-2, keepdim=True)

    bank, _ = measure_bank(transform, torch.zeros(samples), 1, 1024, torch.manual_seed(0))
    assert (bank - bank.mean()).abs().max() < 0.05 * bank.mean()


def test_bands_that_hear_nothing():
    """torchaudio's own defaults have four of them."""
    wave = music()
    bank = torch.rand(6, 257, generator=torch.manual_seed(0))
    bank[3] = 0

    def transform(x):
        return bank @ STFT_512(x)

    start = wave_init(transform(wave), transform, SAMPLES, generator=torch.manual_seed(0))
    assert metrics.sc(transform(start), transform(wave)) < -5


def test_low_bins_may_be_silent_and_magnitudes_clamped():
    bank = mel_scale(SR, 512, 20, fmin=2000.0)

    def transform(x):
        return (bank @ STFT_512(x)).clamp_min(1e-3)

    spec = transform(music())
    assert metrics.sc(transform(wave_init(spec, transform, SAMPLES)), spec) < -5


def test_shapes_with_a_channel():
    spec = CQT(music())
    one = wave_init(spec, CQT, SAMPLES, generator=torch.manual_seed(0))
    shape = (1, 1, SAMPLES)
    other = wave_init(spec[None], lambda x: CQT(x[:, 0]), shape, generator=torch.manual_seed(0))
    assert other.shape == shape
    assert metrics.sc(CQT(other[0, 0]), spec) == pytest.approx(
        float(metrics.sc(CQT(one), spec)), abs=1
    )


def test_no_warning_of_its_own():
    bank = third_octave_scale(SR, 512)

    def transform(x):
        return bank @ STFT_512(x).square()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wave_init(transform(music()), transform, SAMPLES)


def test_it_starts_nearer_to_the_sound_than_noise():
    wave = music()
    spec = CQT(wave)
    generator = torch.Generator().manual_seed(0)
    start = wave_init(spec, CQT, SAMPLES, generator=generator)
    assert metrics.sc(CQT(start), spec) < -5
    settings = {"outer_max_iter": 60, "verbose": False, "generator": generator}
    ours = L_BFGS(spec, CQT, SAMPLES, start, **settings)
    noise = L_BFGS(spec, CQT, SAMPLES, **settings)
    # both agree with the constant-Q transform; what it does not tell decides
    near, far = (metrics.sc(STFT_512(x), STFT_512(wave)) for x in (ours, noise))
    assert near < far - 2.5
    assert max(metrics.sc(CQT(x), spec) for x in (ours, noise)) < -20


def test_level_and_silence():
    spec = CQT(music().double())
    same = wave_init(spec, CQT, SAMPLES, generator=torch.manual_seed(0))
    for factor in (1e-4, 1e4):
        start = wave_init(factor * spec, CQT, SAMPLES, generator=torch.manual_seed(0))
        assert torch.allclose(start / factor, same, atol=1e-3 * float(same.abs().max()))
        assert CQT(start).norm() == pytest.approx(float(factor * spec.norm()), rel=1e-3)
    silent = wave_init(torch.zeros_like(spec), CQT, SAMPLES)
    assert (silent == 0).all()


def test_batch_equals_single():
    waves = torch.stack([music(0), music(1), torch.zeros(SAMPLES)]).double()
    spec = CQT(waves)
    together = wave_init(spec, CQT, (3, SAMPLES), generator=torch.manual_seed(0))
    for item in range(3):
        alone = wave_init(spec[item], CQT, SAMPLES, generator=torch.manual_seed(0))
        assert torch.allclose(together[item], alone, atol=1e-3)


def test_transforms_that_take_one_wave_only():
    """As it is used, wave by wave, with the same outcome."""

    def alone(x):
        assert x.shape == (SAMPLES,)
        return CQT(x)

    wave = music()
    banks = [measure_bank(t, wave, 48, 512, torch.manual_seed(0))[0] for t in (alone, CQT)]
    # asked alone the transform hears longer probes
    assert (banks[0] - banks[1]).abs().max() < 0.05 * banks[1].max()
    assert wave_init(CQT(wave), alone, SAMPLES).shape == (SAMPLES,)


def test_transforms_that_mix_a_batch_are_asked_one_by_one():
    def mixing(x):
        return CQT(x) if x.ndim == 1 else CQT(x) + CQT(x).sum(0)

    wave = music()
    banks = [measure_bank(t, wave, 48, 512, torch.manual_seed(0))[0] for t in (mixing, CQT)]
    assert (banks[0] - banks[1]).abs().max() < 0.05 * banks[1].max()


def test_dtype_and_complex():
    spec = CQT(music())
    assert wave_init(spec.half(), CQT, SAMPLES).dtype == torch.float16
    assert wave_init(spec.double(), CQT, SAMPLES).dtype == torch.float64
    spec = spec.double()
    turned = spec * torch.exp(2j * torch.rand(spec.shape, generator=torch.manual_seed(1)))
    start = wave_init(turned, lambda x: CQT(x) + 0j, SAMPLES, generator=torch.manual_seed(0))
    assert metrics.sc(CQT(start), spec) < -5


def test_what_it_refuses():
    spec = CQT(music())
    with pytest.raises(SpecInvError, match="spec holds negative values"):
        wave_init((spec + 1e-5).log(), lambda x: (CQT(x) + 1e-5).log(), SAMPLES)
    with pytest.raises(SpecInvError, match=r"a logarithm\? Undo it"):
        wave_init(spec.log1p(), lambda x: CQT(x).log1p(), SAMPLES)
    with pytest.raises(SpecInvError, match=r"at least 128 samples"):
        wave_init(torch.rand(5, 5), lambda x: x[:25].reshape(5, 5), 100)
    with pytest.raises(SpecInvError, match=r"\(\.\.\., bands, frames\)"):
        wave_init(torch.rand(4096), lambda x: x[:4096], SAMPLES)
    with pytest.raises(SpecInvError, match=r"\(48, 0\)"):
        wave_init(spec[:, :0], CQT, SAMPLES)
    with pytest.raises(SpecInvError, match=r"\(2, 8192\).*a waveform for each"):
        wave_init(spec, lambda x: CQT(x.sum(0)), (2, SAMPLES))
    with pytest.raises(SpecInvError, match="NaN"):
        wave_init(spec * torch.nan, CQT, SAMPLES)
    with pytest.raises(SpecInvError, match=r"transform_fn .*\(48, 64\).*\(40, 64\)"):
        wave_init(spec[:40], CQT, SAMPLES)
