"""The argument matrix of the original torch_specinv: every keyword of torch.stft, every method.

There, a case passes if it returns. Here the waveform is as long as it should be, finite, and its
gradient reaches the magnitude.
"""

from __future__ import annotations

import itertools

import pytest
import torch

from torch_specinv import ADMM, L_BFGS, RTISI_LA, griffin_lim

N_FFT = 128
METHODS = {"griffin_lim": griffin_lim, "ADMM": ADMM, "RTISI_LA": RTISI_LA}
SHAPES = [(1100,), (2, 1100), (1, 1100)]
WINDOWS = [(None, None), (75, None), (75, torch.hann_window(75))]
PADDINGS = ["reflect", "constant", "replicate", "circular"]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n_fft", [32, 64, 128])
@pytest.mark.parametrize("name", METHODS)
def test_shapes_and_dtypes(name, n_fft, dtype, shape):
    wave = torch.randn(shape, dtype=dtype)
    ones = torch.ones(n_fft, dtype=dtype)  # what no window means
    spec = torch.stft(wave, n_fft, window=ones, return_complex=True).abs()
    found = METHODS[name](spec, max_iter=4, window=None, verbose=False)
    assert found.dtype == dtype
    assert found.shape == (*shape[:-1], n_fft // 4 * (spec.shape[-1] - 1))
    assert torch.isfinite(found).all()


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("hop_length", [None, 32])
@pytest.mark.parametrize(("win_length", "window"), WINDOWS, ids=["", "75", "75 hann"])
@pytest.mark.parametrize("name", METHODS)
def test_keywords_of_the_transform(name, win_length, window, hop_length, center):
    """Also with look-ahead or without, and with its asymmetric window."""
    wave = torch.randn(400)
    ones = None if win_length is None else torch.ones(win_length)
    cases = itertools.product(PADDINGS if center else ["reflect"], [False, True], [False, True])
    for pad_mode, normalized, onesided in cases:
        own = {}
        if name == "RTISI_LA":
            own = {"look_ahead": 2 if onesided else -1, "asymmetric_window": normalized}
        keywords = {
            "hop_length": hop_length, "win_length": win_length, "center": center,
            "pad_mode": pad_mode, "normalized": normalized, "onesided": onesided,
        }  # fmt: skip
        analysis = window if window is not None else ones
        analysis = torch.ones(N_FFT) if analysis is None else analysis
        spec = torch.stft(wave, N_FFT, window=analysis, return_complex=True, **keywords).abs()
        spec.requires_grad_()
        found = METHODS[name](
            spec, max_iter=2, window=window, verbose=False, return_complex=True, **keywords, **own
        )
        hop = N_FFT // 4 if hop_length is None else hop_length
        assert found.shape == (hop * (spec.shape[-1] - 1) + (0 if center else N_FFT),)
        torch.nn.functional.mse_loss(found, wave[: len(found)]).backward()
        assert torch.isfinite(found).all()
        assert torch.isfinite(spec.grad).all()
        assert spec.grad.abs().max() > 0


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("metric", ["sc", "snr", "ser"])
def test_lbfgs_with_torchs_keywords(metric, dtype, shape):
    wave = torch.randn(shape, dtype=dtype)

    def transform(wave):
        window = torch.ones(N_FFT, dtype=wave.dtype)
        return torch.stft(wave, N_FFT, window=window, return_complex=True).abs()

    spec = transform(wave)
    found = L_BFGS(
        spec, transform, samples=shape, outer_max_iter=2, max_iter=6, metric=metric, eva_iter=3,
        verbose=False,
    )  # fmt: skip
    assert found.shape == shape
    assert found.dtype == dtype
    assert ((transform(found) - spec).norm() < 0.5 * spec.norm()).all()


@pytest.mark.parametrize("rho", [0.1, 0.5])
def test_admm_gives_the_originals_answer(rho):
    """Its recursion, with torch's transform; zeros at the ends, as its synthesis knows no other."""
    window = torch.hann_window(N_FFT, dtype=torch.float64)
    keywords = {"hop_length": 32, "window": window}

    def analyse(wave):
        return torch.stft(wave, N_FFT, **keywords, pad_mode="constant", return_complex=True)

    def synthesise(spectrum):
        return torch.istft(spectrum, N_FFT, **keywords)

    spec = analyse(torch.randn(1100, dtype=torch.float64)).abs()
    phase = 6 * torch.rand_like(spec)
    phase[[0, -1]] = 0
    x = torch.polar(spec, phase)
    both, u, wave = x, torch.zeros_like(x), synthesise(x)
    for _ in range(10):
        z = (rho * both + analyse(wave)) / (1 + rho)
        u = u + x - z
        x = torch.polar(spec, (z - u).angle())
        both = x + u
        wave = synthesise(both)
    found = ADMM(spec, 10, 0, rho, init=phase, pad_mode="constant", verbose=False, **keywords)
    assert (found - wave).abs().max() < 1e-9 * wave.abs().max()
