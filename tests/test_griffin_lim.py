"""Griffin-Lim against the paper's recursion, against librosa, and by its properties."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from tests.conftest import hann, magnitude
from tests.reference import formulas
from torch_specinv import STFT, griffin_lim, invert
from torch_specinv.comparing.signals import CLIPS


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.99])
@pytest.mark.parametrize(
    "geometry",
    [
        {},
        {"hop_length": 20, "win_length": 48, "pad_mode": "replicate"},
        {"center": False, "normalized": True},
        {"n_fft": 63, "hop_length": 21, "pad_mode": "circular"},
    ],
)
def test_the_papers_recursion_on_spectra(speech, alpha, geometry):
    """Momentum on waves equals the paper's momentum on spectra."""
    keywords = {"n_fft": 64, **geometry}
    keywords["window"] = 0.1 + hann(keywords.get("win_length", keywords["n_fft"]))
    spec = torch.stft(speech[:900], return_complex=True, **keywords).abs()
    stft = STFT.of(spec, **keywords)
    expected = formulas.griffin_lim(
        lambda x: stft.analyse(torch.from_numpy(x)).numpy(),
        lambda c: stft.synthesise(torch.from_numpy(c)).numpy(),
        spec.numpy(),
        spec.numpy().astype(complex),
        8,
        alpha,
    )
    # clicks are taken out of samples that are hardly seen
    seen = slice(None) if stft.poorly_covered is None else ~stft.poorly_covered.numpy()
    for eva_iter in (1, 100):
        wave = griffin_lim(
            spec, 8, 0, alpha, verbose=False, eva_iter=eva_iter, init="zero", **keywords
        )
        np.testing.assert_allclose(wave.numpy()[seen], expected[seen], atol=1e-9)


@pytest.mark.parametrize("alpha", [0.0, 0.99])
def test_librosa(speech, alpha):
    """With zero padding, folding is trimming, and librosa's recursion is the same one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import librosa

    spec = magnitude(speech, 256, pad_mode="constant")
    length = len(speech)
    expected = librosa.griffinlim(
        spec.numpy(),
        n_iter=12,
        hop_length=64,
        n_fft=256,
        window="hann",
        momentum=alpha,
        init=None,
        pad_mode="constant",
        length=length,
        dtype=np.float64,
    )
    wave = griffin_lim(
        spec,
        12,
        0,
        alpha,
        verbose=False,
        eva_iter=100,
        init="zero",
        length=length,
        pad_mode="constant",
        window=hann(256),
    )
    assert abs(wave.numpy() - expected).max() < 1e-7 * abs(expected).max()


def test_plain_griffin_lim_never_rises(clips):
    history = invert(
        magnitude(clips), "griffin_lim", alpha=0, max_iter=40, eva_iter=1, tol=0, init="random",
        window=hann(256), verbose=False,
    ).history["sc"]  # fmt: skip
    assert (history.diff(dim=0) <= 1e-9).all()


def test_momentum_pays(clips):
    spec = magnitude(clips[[0, 1, 3, 4, 5, 6, 7]])
    ends = {
        alpha: invert(
            spec, "griffin_lim", alpha=alpha, max_iter=60, tol=0, window=hann(256), verbose=False
        ).history["sc"][-1]
        for alpha in (0.0, 0.99)
    }
    assert (ends[0.99] < ends[0.0]).all()
    assert (ends[0.99] - ends[0.0]).mean() < -1


def test_gradients_through_eight_iterations(speech):
    """Also where a frame is silent: finite differences agree and nothing is NaN."""
    spec = 0.1 + torch.rand(2, 9, 8, dtype=torch.float64)
    spec[1, :, 3:5] = 0
    spec.requires_grad_()
    alpha = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)

    def wave(spec, alpha):
        # the magnitude is kept away from 0 only where finite differences would leave its domain
        return griffin_lim(
            spec.abs(), 8, 0, alpha, verbose=False, eva_iter=100, init="zero",
            window=0.1 + hann(16),
        )  # fmt: skip

    safe = spec.detach().clone()
    safe[1, :, 3:5] = 1e-3
    safe.requires_grad_()
    assert torch.autograd.gradcheck(wave, (safe, alpha), atol=1e-5)
    wave(spec, alpha).square().sum().backward()
    assert torch.isfinite(spec.grad).all()
    assert spec.grad[0].abs().max() > 0
    assert torch.isfinite(alpha.grad)


def test_gradients_in_single_precision_with_silence():
    spec = torch.rand(3, 33, 20)
    spec[0] = 0
    spec[1, :, :10] = 0
    spec[2] *= 1e-30
    spec.requires_grad_()
    griffin_lim(spec, 8, 0, verbose=False, window=torch.hann_window(64)).sum().backward()
    assert torch.isfinite(spec.grad).all()
    assert spec.grad[2].abs().max() > 0


@pytest.mark.parametrize("clip", ["speech", "music"])
@pytest.mark.parametrize("iterations", [8, 32])
def test_single_precision_gradients_are_those_of_double(clip, iterations):
    """Bins at the level of rounding have no phase to differentiate, and must not blow up."""
    gradients = []
    for dtype in (torch.float32, torch.float64):
        wave = CLIPS[clip](sr=16000, seconds=0.5).to(dtype)
        spec = magnitude(wave, 512).requires_grad_()
        griffin_lim(
            spec, iterations, 0, window=hann(512, dtype), verbose=False, eva_iter=1000
        ).square().sum().backward()
        gradients.append(spec.grad.double())
    single, double = gradients
    assert single.abs().max() < 3 * double.abs().max()
    if iterations == 8:
        assert (single - double).norm() < 0.2 * double.norm()
