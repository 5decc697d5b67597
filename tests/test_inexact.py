"""``auto`` on inconsistent magnitudes: what it finds, what it does, what it says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from torch_specinv import SpecInvError, invert
from torch_specinv.algorithms import LBFGS, Auto, Chain
from torch_specinv.comparing.signals import speech_like
from torch_specinv.mel import MelSpec
from torch_specinv.metrics import sc

N_FFT, HOP, LENGTH = 512, 128, 24064
WINDOW = torch.hann_window(N_FFT)
SETTINGS = {"window": WINDOW, "hop_length": HOP, "length": LENGTH, "verbose": False}


def stft(wave):
    return torch.stft(wave, N_FFT, HOP, window=WINDOW, return_complex=True)


@pytest.fixture(scope="module")
def speech():
    return speech_like(sr=16000, seconds=2.0, seed=3)[:LENGTH].float()


def degraded(kind, wave):
    """A magnitude that is wrong in a known way."""
    magnitude = stft(wave).abs()
    log = magnitude.clamp_min(1e-5).log()
    if kind == "noisy":
        noise = torch.randn(magnitude.shape, generator=torch.manual_seed(4))
        return magnitude * torch.exp(0.35 * noise)
    if kind == "blurred":
        return torch.from_numpy(np.exp(gaussian_filter(log.numpy(), (1.0, 0.7))))
    if kind == "coarse":
        bank = MelSpec(16000, 60).bank(N_FFT, 60).float()
        mel = bank @ magnitude
        # the smoothest magnitude with these bands, by multiplicative updates
        spread = torch.ones_like(magnitude)
        for _ in range(100):
            spread = spread * (bank.T @ (mel / (bank @ spread).clamp_min(1e-9)))
            spread = spread / bank.sum(0).clamp_min(1e-3)[:, None]
        return spread
    return magnitude


@pytest.mark.parametrize("kind", ["exact", "noisy", "blurred", "coarse"])
def test_the_kind_is_found_and_told(speech, kind):
    result = invert(degraded(kind, speech), max_iter=60, **SETTINGS)
    assert result.kinds == (kind,)
    inexact = kind != "exact"
    assert result.status == ("inexact" if inexact else "max_iter",)
    assert int(result.iterations) == (20 if inexact else 60)
    assert (f"status=inexact, magnitude={kind})" in repr(result)) == inexact
    # the least error of all iterates, whichever was returned
    assert result.inconsistency <= result.history["sc"].min() + 1e-6
    assert result.inconsistency < (-9 if inexact else -25)


@pytest.mark.parametrize(("kind", "better"), [("noisy", 1.5), ("blurred", 2.0)])
def test_it_comes_nearer_to_the_true_magnitude(speech, kind, better):
    """Than iterations that set the wrong magnitude every time, by `better` dB."""
    magnitude, truth = degraded(kind, speech), stft(speech).abs()
    found, forced = (
        sc(stft(invert(magnitude, Auto(how), max_iter=100, **SETTINGS).wave).abs(), truth)
        for how in ("detect", "exact")
    )
    assert found < forced - better


def test_exact_magnitudes_are_treated_as_if_nothing_had_been_asked(speech):
    magnitude = degraded("exact", speech)
    results = [invert(magnitude, Auto(how), max_iter=70, **SETTINGS) for how in ("detect", "exact")]
    assert torch.equal(results[0].wave, results[1].wave)
    assert results[1].kinds == ("exact",)


def test_each_item_of_a_batch_is_treated_as_it_is_alone(speech):
    kinds = ["noisy", "exact", "blurred", "coarse", "exact"]
    batch = torch.stack([degraded(kind, speech) for kind in kinds])
    batch[4] = 0
    together = invert(batch, max_iter=40, **SETTINGS)
    assert together.kinds == (*kinds[:4], "exact")
    for item, kind in enumerate(kinds):
        alone = invert(batch[item], max_iter=40, **SETTINGS)
        difference = (together.wave[item] - alone.wave).norm()
        assert difference <= 1e-4 * alone.wave.norm(), kind
        assert torch.allclose(together.inconsistency[item], alone.inconsistency, atol=1e-3)
    assert together.iterations.tolist()[:4] == [20, 40, 20, 20]


def test_a_shorter_item_of_a_batch_is_treated_as_it_is_alone(speech):
    short = LENGTH // 2 // HOP * HOP
    frames = 1 + short // HOP
    settings = {name: value for name, value in SETTINGS.items() if name != "length"}
    whole = degraded("noisy", speech)
    part = degraded("noisy", speech[:short])
    batch = torch.zeros(2, *whole.shape)
    batch[0], batch[1, :, :frames] = whole, part
    together = invert(batch, lengths=[LENGTH, short], max_iter=20, **settings)
    alone = invert(part, length=short, max_iter=20, **settings)
    assert together.kinds == ("noisy", "noisy")
    assert (together.wave[1, :short] - alone.wave).norm() < 1e-4 * alone.wave.norm()
    assert not together.wave[1, short:].any()


def test_what_is_known_need_not_be_found(speech):
    magnitude = degraded("exact", speech)
    for kind in ("noisy", "blurred", "coarse"):
        result = invert(magnitude, Auto(kind), max_iter=30, **SETTINGS)
        assert result.kinds == (kind,)
        assert result.status == ("inexact",)
        assert torch.isfinite(result.wave).all()
    with pytest.raises(SpecInvError, match=r"kind='noise'.*'noisy'"):
        invert(magnitude, "auto", kind="noise", **SETTINGS)


def test_a_given_phase_is_where_it_starts(speech):
    """With the true phase it keeps nearer to the truth than from one of its own."""
    magnitude, spectrum = degraded("coarse", speech), stft(speech)
    known = invert(torch.polar(magnitude, spectrum.angle()), max_iter=20, **SETTINGS)
    guessed = invert(magnitude, max_iter=20, **SETTINGS)
    assert known.history["sc"][0] < guessed.history["sc"][0] - 1.5
    truth = spectrum.abs()
    assert sc(stft(known.wave).abs(), truth) < sc(stft(guessed.wave).abs(), truth) - 1.5


def test_noise_in_mels_is_found_as_well(speech):
    mel = MelSpec(16000, 80)
    bands = mel.bank(N_FFT, 80).float() @ stft(speech).abs()
    noisy = bands * torch.exp(0.3 * torch.randn(bands.shape, generator=torch.manual_seed(5)))
    settings = {**SETTINGS, "n_fft": N_FFT, "mel": MelSpec(16000, 80, power=1.0)}
    truth = stft(speech).abs()
    exact, found = (invert(x, max_iter=30, **settings) for x in (bands, noisy))
    assert exact.kinds == ("exact",)
    assert found.kinds == ("noisy",)
    forced = invert(noisy, Auto("exact"), max_iter=30, **settings)
    assert sc(stft(found.wave).abs(), truth) < sc(stft(forced.wave).abs(), truth) - 0.5


@pytest.mark.parametrize("name", ["raar", "admm"])
def test_the_answer_is_what_the_algorithm_came_to(speech, name):
    """Not the start, although no iterate comes nearer to a noisy magnitude."""
    magnitude = degraded("noisy", speech)
    result = invert(magnitude, name, init="pghi", max_iter=30, **SETTINGS)
    start = invert(magnitude, "pghi", **SETTINGS)
    assert result.history["sc"][-1] > result.history["sc"][0]
    assert (result.wave - start.wave).norm() > 0.1 * start.wave.norm()
    observed = stft(result.wave).abs()
    assert torch.allclose(result.history["sc"][-1], sc(observed, magnitude), atol=1e-3)
    assert result.status == ("max_iter",)


def test_that_no_iterate_was_better_is_said(speech):
    magnitude = degraded("noisy", speech)
    result = invert(magnitude, "difference_map", init="pghi", max_iter=30, **SETTINGS)
    start = invert(magnitude, "pghi", **SETTINGS)
    assert torch.allclose(result.wave, start.wave, atol=1e-5)
    assert result.status == ("start",)


def decaying():
    """A note that dies away below the smallest normal number."""
    time = torch.arange(16000) / 16000
    return torch.sin(2 * torch.pi * 440 * time) * torch.exp(-80 * time)


@pytest.mark.parametrize("name", ["griffin_lim", "amdr", "lbfgs", "auto", "rtisi_la"])
def test_bins_that_are_almost_nothing_stay_finite(name):
    settings = {**SETTINGS, "length": 16000}
    spec = stft(decaying()).abs()
    result = invert(spec, name, max_iter=30, backend="torch", **settings)
    assert result.status[0] in ("max_iter", "converged")
    assert result.history["sc"][-1] < -40 or name == "rtisi_la"
    assert torch.isfinite(result.wave).all()


@pytest.mark.parametrize("window", [None, torch.hann_window(1024)[:512]])
@pytest.mark.filterwarnings("ignore:window=None")
def test_with_windows_unlike_a_gaussian_nothing_is_told(window):
    time = torch.arange(16000) / 16000
    wave = sum(torch.sin(2 * torch.pi * pitch * time) for pitch in (300, 777, 1234, 3001))
    keywords = {"hop_length": 128, "window": window, "length": 16000}
    spec = torch.stft(
        wave, 512, 128, window=torch.ones(512) if window is None else window, return_complex=True
    ).abs()
    result = invert(spec, max_iter=40, verbose=False, **keywords)
    assert result.kinds == ("exact",)
    assert result.history["sc"][-1] < -20


def test_a_bank_in_no_order_is_taken_for_exact(speech):
    generator = torch.manual_seed(0)
    bank = torch.rand(40, 257, generator=generator)
    bank = bank * (torch.rand(40, 257, generator=generator) > 0.9)
    bands = bank @ stft(speech).abs()
    settings = {**SETTINGS, "n_fft": N_FFT, "mel": bank}
    result = invert(bands, max_iter=30, **settings)
    assert result.kinds == ("exact",)
    with pytest.raises(SpecInvError, match="kind='noisy'"):
        invert(bands, "auto", kind="noisy", **settings)


@pytest.mark.parametrize(("max_iter", "eva_iter"), [(25, 7), (60, 50), (20, 3)])
def test_iterations_are_those_that_were_made(speech, max_iter, eva_iter):
    magnitude = degraded("noisy", speech)
    result = invert(magnitude, max_iter=max_iter, eva_iter=eva_iter, **SETTINGS)
    assert int(result.iterations) == 20
    assert result.evaluated[-1] == 20
    assert result.status == ("inexact",)


def test_auto_is_no_part_of_a_chain():
    with pytest.raises(SpecInvError, match="chain AMDR"):
        Chain((Auto(), LBFGS()), (0.5, 0.5))
