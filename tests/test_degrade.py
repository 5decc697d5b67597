"""Magnitudes that are made wrong: each kind against another way to compute or know it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from torch_specinv import STFT, SpecInvError
from torch_specinv.comparing import DEGRADATIONS, Degradation, register_degradation
from torch_specinv.comparing.degrade import Given, Recording, gaussian_blur, pink_noise
from torch_specinv.comparing.signals import speech_like
from torch_specinv.transform.filter_banks import mel_scale

SR, N_FFT = 16000, 512
KINDS = ("exact", "smooth", "noisy", "masked", "mel", "lowrank")
RANDOM = ("noisy", "masked")


@pytest.fixture(scope="module")
def recording():
    wave = speech_like(SR, 1.0, seed=5)
    return Recording(wave, SR, STFT.of_wave(wave, n_fft=N_FFT, window=torch.hann_window(N_FFT)))


def made(recording, name, seed=0):
    return Degradation.read(name, seed)(recording).magnitude


def log(magnitude):
    return magnitude.clamp_min(1e-6 * magnitude.max()).log()


def test_the_kinds():
    assert tuple(DEGRADATIONS) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_what_every_kind_is(recording, kind):
    given = Degradation(kind)(recording)
    assert given.magnitude.shape == recording.magnitude.shape
    assert given.magnitude.dtype == torch.float32
    assert given.magnitude.isfinite().all()
    assert (given.magnitude >= 0).all()
    assert torch.equal(made(recording, kind), given.magnitude)
    assert torch.equal(made(recording, kind, 1), given.magnitude) == (kind not in RANDOM)
    assert (given.phase is None) == (kind != "masked")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "exact"])
def test_more_strength_is_farther_from_the_truth(recording, kind):
    errors = [
        float((made(recording, f"{kind}:{strength}") - recording.magnitude).norm())
        for strength in (0.3, 1, 3)
    ]
    assert 0 < errors[0] < errors[1] < errors[2]


@pytest.mark.parametrize("kind", ["smooth", "noisy", "mel", "lowrank"])
def test_a_louder_recording_is_as_wrong(recording, kind):
    louder = Recording(4 * recording.wave, SR, recording.stft)
    torch.testing.assert_close(made(louder, kind), 4 * made(recording, kind), rtol=1e-2, atol=1e-3)


def test_exact(recording):
    expected = torch.stft(
        recording.wave, N_FFT, window=torch.hann_window(N_FFT), return_complex=True
    ).abs()
    torch.testing.assert_close(made(recording, "exact"), expected)


@pytest.mark.parametrize("widths", [(1.0, 0.7), (0.3, 2.0)])
def test_a_blur_is_that_of_scipy(widths):
    x = torch.randn(40, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    reach = [int(np.ceil(4 * width)) for width in widths]
    expected = gaussian_filter(x.numpy(), widths, mode="nearest", radius=reach)
    np.testing.assert_allclose(gaussian_blur(x, *widths).numpy(), expected, atol=1e-12)


def test_smooth_is_blurred_in_the_logarithm(recording):
    blurred = gaussian_filter(log(recording.magnitude).numpy(), (2.0, 1.4), mode="nearest")
    found = log(made(recording, "smooth:2")).numpy()
    assert np.abs(found - blurred).max() < 0.02  # scipy cuts off at another place


def test_noise_has_the_said_deviation_and_no_neighbours(recording):
    loud = recording.magnitude > 0
    errors = (made(recording, "noisy:2") / recording.magnitude)[loud].log()
    assert float(errors.std()) == pytest.approx(0.7, rel=0.02)
    assert float(errors.mean()) == pytest.approx(0, abs=0.02)
    pairs = torch.stack([errors[1:], errors[:-1]])
    assert abs(float(torch.corrcoef(pairs)[0, 1])) < 0.03


def test_pink_noise_falls_by_three_decibels_an_octave():
    noise = pink_noise(2**16, SR, torch.Generator().manual_seed(0))
    power = torch.fft.rfft(noise).abs().square()
    frequency = torch.fft.rfftfreq(2**16, 1 / SR)

    def level(low):
        octave = (frequency >= low) & (frequency < 2 * low)
        return 10 * torch.log10(power[octave].mean())

    assert float(level(500) - level(1000)) == pytest.approx(3.01, abs=0.5)
    assert float(level(1000) - level(2000)) == pytest.approx(3.01, abs=0.5)
    assert float(noise.square().mean()) == pytest.approx(1)


@pytest.mark.parametrize("strength", [1.0, 4.0])
def test_masked_is_a_mixture_of_the_said_level(recording, strength):
    given = Degradation("masked", strength)(recording)
    # the noise is what is left of the mixture, whose phase is given; its magnitude is masked
    noise = pink_noise(len(recording.wave), SR, torch.Generator().manual_seed(0)).float()
    level = recording.wave.norm() / noise.norm() * 10 ** (-5 / 20) * strength
    mixture = recording.stft.analyse(recording.wave + level * noise)
    difference = torch.angle(torch.polar(torch.ones_like(given.phase), given.phase) / mixture)
    assert difference.abs().max() < 1e-3
    gain = given.magnitude / mixture.abs().clamp_min(1e-9)
    assert (gain <= 1 + 1e-5).all()
    power, other = recording.magnitude.square(), recording.stft(level * noise).square()
    ideal = gaussian_filter((power / (power + other)).sqrt().numpy(), (1, 1), mode="nearest")
    assert float((gain - torch.from_numpy(ideal)).abs().mean()) < 1e-3


def test_mel_has_the_bands_of_the_truth_and_lies_in_their_span(recording):
    bank = mel_scale(SR, N_FFT, 40)
    found = made(recording, "mel:2")
    true = bank @ recording.magnitude
    assert float((bank @ found - true).norm() / true.norm()) < 0.01
    assert float((found - recording.magnitude).norm() / recording.magnitude.norm()) > 0.1


def test_low_rank_is_the_best_of_its_rank(recording):
    centred = log(recording.magnitude)
    centred = (centred - centred.mean(1, keepdim=True)).numpy().astype(np.float64)
    found = made(recording, "lowrank:2").log().numpy()
    found = found - log(recording.magnitude).mean(1, keepdim=True).numpy()
    values = np.linalg.svd(centred, compute_uv=False)
    assert np.linalg.matrix_rank(found, tol=1e-2) == 12
    assert np.linalg.norm(found - centred) == pytest.approx(
        np.sqrt((values[12:] ** 2).sum()), rel=1e-3
    )


def test_of_fewer_components_than_asked_for_all_are_kept(recording):
    magnitude = recording.magnitude
    torch.testing.assert_close(
        made(recording, "lowrank:0.1").clamp_min(1e-6 * magnitude.max()),
        magnitude.clamp_min(1e-6 * magnitude.max()),
        rtol=1e-3,
        atol=1e-6,
    )


def test_silence_stays_finite(recording):
    silence = Recording(torch.zeros(4000), SR, STFT.of_wave(torch.zeros(4000), n_fft=N_FFT,
                        window=torch.hann_window(N_FFT)))  # fmt: skip
    for kind in KINDS:
        assert Degradation(kind)(silence).magnitude.isfinite().all(), kind


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nosiy", "degrade='nosiy' is unknown. Did you mean 'noisy'?"),
        ("low rank", "Did you mean 'lowrank'?"),
        ("", "degrade='' is unknown"),
        ("noisy:", "such as noisy:0.5"),
        ("noisy:much", "such as noisy:0.5"),
        ("noisy:0", "degrade='noisy:0': expected a strength from 0.1 to 10"),
        ("smooth:-1", "expected a strength from 0.1 to 10"),
        ("mel:11", "expected a strength from 0.1 to 10"),
        ("mel:nan", "expected a strength from 0.1 to 10"),
        ("exact:2", "an exact magnitude has no strength"),
    ],
)
def test_errors(text, message):
    with pytest.raises(SpecInvError) as error:
        Degradation.read(text)
    assert message in str(error.value)


def test_a_negative_seed():
    with pytest.raises(SpecInvError, match="seed=-1"):
        Degradation("noisy", seed=-1)


def test_names_are_what_is_read():
    for name in ("noisy", "noisy:0.5", "mel:3"):
        assert Degradation.read(f" {name} ").name == name
    assert Degradation.read("noisy:1.0").name == "noisy"


def test_a_kind_of_ones_own(recording, monkeypatch):
    monkeypatch.delitem(DEGRADATIONS, "halved", raising=False)

    @register_degradation("halved")
    def halved(recording, strength, _generator):
        return Given(recording.magnitude / (1 + strength))

    try:
        torch.testing.assert_close(made(recording, "halved"), recording.magnitude / 2)
    finally:
        del DEGRADATIONS["halved"]


def test_two_sided_spectrograms_have_no_mel_bands():
    wave = speech_like(SR, 0.2)
    stft = STFT.of_wave(wave, n_fft=N_FFT, window=torch.hann_window(N_FFT), onesided=False)
    with pytest.raises(SpecInvError, match="one-sided"):
        Degradation("mel")(Recording(wave, SR, stft))
