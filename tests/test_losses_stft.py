"""Losses between spectra and between STFTs: their formulas, term by term and item by item."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from tests.losses_cases import (
    DOUBLE,
    SMALL,
    SPECTRAL_LOSSES,
    magnitudes,
    numpy_stft,
    periodic_hann,
    waves,
)
from torch_specinv import losses
from torch_specinv.losses import PARALLEL_WAVEGAN, FIRFilter
from torch_specinv.losses.spectra import power, spectra


def test_spectral_formulas_per_item():
    x, y = magnitudes(3, 9, 7)
    log = np.log
    for i in range(3):
        a, b = x[i].numpy(), y[i].numpy()
        formulas = {
            "sc": np.linalg.norm(b - a) / np.linalg.norm(b),
            "log": abs(log(a + 1e-7) - log(b + 1e-7)).mean(),
            "linear": ((a - b) ** 2).mean(),
        }
        for name, expected in formulas.items():
            values = SPECTRAL_LOSSES[name](x, y, reduction="none")
            assert float(values[i]) == pytest.approx(expected, rel=1e-9)


def test_stft_loss_formula():
    """All terms, for an item of a batch; against numpy's transform."""
    x, y = waves(3, 400)
    settings = {"n_fft": 64, "hop_length": 20, "win_length": 50, "floor": 0.5}
    weights = {"w_sc": 2.0, "w_log": 0.7, "w_lin": 0.3, "w_phase": 0.1}
    bank = np.random.default_rng(0).random((5, 33))
    values = losses.stft_loss(
        x, y, **settings, **weights, scale=torch.from_numpy(bank), log_dist="L2", log_fac=3.0,
        log_eps=0.2, power=1.5, reduction="none",
    )  # fmt: skip
    for i in range(3):
        spectra = [numpy_stft(s[i].numpy(), 64, 20, periodic_hann(50)) for s in (x, y)]
        a, b = (bank @ np.maximum(abs(s), 0.5) ** 1.5 for s in spectra)
        phases = 1 - np.cos(np.angle(spectra[0]) - np.angle(spectra[1]))
        expected = (
            2.0 * np.linalg.norm(b - a) / np.linalg.norm(b)
            + 0.7 * ((np.log(3 * a + 0.2) - np.log(3 * b + 0.2)) ** 2).mean()
            + 0.3 * abs(a - b).mean()
            + 0.1 * phases.mean()
        )
        assert float(values[i]) == pytest.approx(expected, rel=1e-6)


def test_mrstft_loss_formula():
    """The defaults, for an item of a batch."""
    x, y = waves(2, 3000)
    for i in range(2):
        terms = []
        for win in (64, 128, 256, 512, 1024, 2048):
            window = periodic_hann(win)
            a, b = (abs(numpy_stft(s[i].numpy(), win, win // 2, window)) for s in (x, y))
            logs = abs(np.log(a + 1e-7) - np.log(b + 1e-7))
            terms.append(abs(a - b).mean() + logs.mean())
        value = losses.mrstft_loss(x, y, reduction="none")[i]
        assert float(value) == pytest.approx(np.mean(terms), rel=1e-6)


def test_smooth_mrstft_loss_formula():
    from scipy.signal import get_window

    x, y = waves(3000)
    pairs = zip((32, 63, 128, 254, 510, 1026), (67, 127, 257, 509, 1021, 2053), strict=True)
    terms = []
    for hop, win in pairs:
        window = get_window("flattop", win)
        a, b = (abs(numpy_stft(s.numpy(), win, hop, window)) for s in (x, y))
        terms.append(((np.log1p(a) - np.log1p(b)) ** 2).mean())
    assert float(losses.smooth_mrstft_loss(x, y)) == pytest.approx(np.mean(terms), rel=1e-6)


def test_scale_invariant_target():
    """The target is scaled item by item; so a gain of it costs nothing."""
    x, y = waves(2, 400)
    loss = partial(losses.stft_loss, **SMALL, scale_invariant=True, floor=1e-9, reduction="none")
    assert torch.allclose(loss(x, 1000 * y), loss(x, y))
    assert loss(x, -3 * x).abs().max() < 1e-9
    both = loss(x, torch.stack([y[0], 50 * y[1]]))
    assert torch.allclose(both, loss(x, y))


def test_phase_loss():
    x, y = waves(3, 9, 7), waves(3, 9, 7, seed=1)
    x, y = torch.complex(x[0], x[1]), torch.complex(y[0], y[1])
    values = losses.phase_loss(x, y, reduction="none")
    expected = (1 - np.cos(np.angle(x) - np.angle(y))).mean((-2, -1))
    assert np.allclose(values.numpy(), expected, atol=1e-6)
    silent = torch.zeros(9, 7, dtype=torch.complex128, requires_grad=True)
    loss = losses.phase_loss(silent, torch.zeros_like(silent))
    assert torch.autograd.grad(loss, silent)[0].abs().max() == 0
    assert loss.detach() == 1


def test_spectra_that_torch_has_not_conjugated_yet():
    x = torch.view_as_complex(torch.randn(9, 7, 2, generator=torch.Generator().manual_seed(0)))
    assert losses.phase_loss(x.conj(), x.conj().resolve_conj()) < 1e-6
    assert losses.phase_loss(1e10 * x, 1e10 * x) < 1e-6


@pytest.mark.parametrize("n_fft", [16, 15])
@pytest.mark.parametrize("win", [15, 10, 9])
@pytest.mark.parametrize("hop", [3, 7, 16])
def test_spectra_are_those_of_torch(n_fft, win, hop):
    """But for a phase that all signals share; the gradient is the adjoint's."""
    wave = waves(2, 57)[0].requires_grad_()
    window = torch.rand(win, dtype=DOUBLE, generator=torch.Generator().manual_seed(0))
    ours = spectra(wave, window, hop, n_fft)
    theirs = torch.stft(wave, n_fft, hop, win, window, return_complex=True)
    assert torch.allclose(ours.abs(), theirs.abs())
    turned = ours[0] * ours[1].conj()
    assert torch.allclose(turned, theirs[0] * theirs[1].conj())
    gradients = [torch.autograd.grad(s.abs().sqrt().sum(), wave)[0] for s in (ours, theirs)]
    assert torch.allclose(*gradients)
    assert torch.allclose(power(ours), theirs.abs() ** 2)
    each = torch.func.vmap(lambda w: spectra(w, window, hop, n_fft))(wave)
    assert torch.equal(each, ours)


def test_frames_are_cut_and_the_batch_has_one_norm():
    x, y = magnitudes(3, 5, 9)
    expected = losses.spectral_convergence_loss(x[..., :7], y[..., :7])
    for pair, dims in (((x[..., :7], y), (-1, 2)), ((x[..., :7].mT, y.mT), (-2, 1))):
        for dim in dims:
            ours = losses.spectral_convergence_loss(*pair, frame_dim=dim)
            module = losses.SpectralConvergenceLoss(frame_dim=dim)
            assert ours == module(*pair) == pytest.approx(float(expected), rel=1e-12)
            assert losses.spectral_convergence_loss(*reversed(pair), frame_dim=dim) > 0
    expected = torch.linalg.vector_norm(x - y) / torch.linalg.vector_norm(y)
    assert torch.allclose(losses.spectral_convergence_loss(x, y, norm="batch"), expected)


def test_weighting_is_of_both_signals():
    x, y = waves(2, 400)
    weighting = FIRFilter("highpass")
    expected = losses.stft_loss(weighting(x), weighting(y), **SMALL)
    assert torch.equal(losses.stft_loss(x, y, **SMALL, weighting=weighting), expected)


def test_weights_of_the_channels():
    x, y = waves(3, 2, 4000)
    sums, differences = (
        losses.mrstft_loss(*(f(s[:, 0], s[:, 1]) for s in (x, y)), **PARALLEL_WAVEGAN)
        for f in (torch.add, torch.sub)
    )
    loss = losses.sum_difference_stft_loss(x, y, w_sum=0.3, w_diff=0.8)
    assert torch.allclose(loss, (0.3 * sums + 0.8 * differences) / 2)
    # a setting changes itself alone
    assert torch.equal(
        losses.sum_difference_stft_loss(x, y, norm="item"), losses.sum_difference_stft_loss(x, y)
    )


def test_channels_may_be_exchanged():
    x, y = waves(3, 2, 4000)
    loss = partial(losses.sum_difference_stft_loss, reduction="none")
    assert torch.allclose(loss(x.flip(1), y.flip(1)), loss(x, y))
    assert torch.allclose(loss(x.flip(1), y), loss(x, y))


def test_random_resolutions(monkeypatch):
    x, y = waves(2, 4000)

    def draw(seed, **settings):
        generator = torch.Generator().manual_seed(seed)
        return losses.random_resolution.draw_resolutions(
            4000, 500, (16, 16384), (0.1, 1.0), ("hann", "ones"), generator, **settings
        )

    drawn = draw(0)
    assert drawn == draw(0) != draw(1)
    assert {n_fft for n_fft, *_ in drawn} == {2**k for k in range(4, 12)}
    assert {n_fft // win for n_fft, _, win, _ in drawn} == {1, 2, 4}
    assert {name for *_, name in drawn} == {"hann", "ones"}
    shares = np.array([hop / n_fft for n_fft, hop, *_ in drawn if n_fft > 256])
    assert 0.095 < shares.min() < 0.13
    assert 0.95 < shares.max() < 1
    loss = partial(losses.random_resolution_stft_loss, x, y)
    seeded = [loss(generator=torch.Generator().manual_seed(4)) for _ in range(2)]
    assert seeded[0] == seeded[1]
    torch.manual_seed(4)
    assert loss() == seeded[0] != loss()


def test_settings_of_losses_of_magnitudes():
    x, y = magnitudes(9, 7)
    a, b = np.log(3 * x.numpy() + 0.5), np.log(3 * y.numpy() + 0.5)
    loss = losses.log_magnitude_loss(x, y, "L2", factor=3.0, offset=0.5)
    assert float(loss) == pytest.approx(((a - b) ** 2).mean())
    loss = losses.spectral_convergence_loss(x, torch.zeros_like(y), eps=0.5)
    assert float(loss) == pytest.approx(float(x.norm()) / 0.5)
