"""Gradients of RTISI-LA: small, and where wanted exact."""

from __future__ import annotations

import pytest
import torch

from tests.conftest import hann, magnitude
from torch_specinv import RTISI_LA, STFT, invert
from torch_specinv.algorithms import GriffinLim
from torch_specinv.comparing.signals import speech_like
from torch_specinv.online import OnlineInverter


def blobs(spec, count):
    """Smooth changes of a spectrogram (bins, frames): louder around a few places."""
    generator = torch.Generator().manual_seed(1)
    bins, frames = (torch.arange(size)[:, None] for size in spec.shape)
    for _ in range(count):
        k, m = torch.rand(2, generator=generator) * torch.tensor(spec.shape)
        yield spec * torch.exp(-(((bins - k) / 8) ** 2) - ((frames - m) / 3).mT ** 2)


@pytest.mark.parametrize("iterations", [2, 8])
@pytest.mark.parametrize("keywords", [{}, {"alpha": 0.0, "look_ahead": 0}])
def test_gradients_stay_small_and_follow_finite_changes(iterations, keywords):
    """The derivative itself grows severalfold from frame to frame and follows nothing."""
    clip = speech_like(8000, 1.0, 1)[:4000]
    keywords = {"max_iter": iterations, "verbose": False, "length": 4000, **keywords}
    gradients = {}
    for dtype in (torch.float32, torch.float64):
        window = hann(256, dtype)

        def energy(spec, window=window):
            return RTISI_LA(spec, window=window, **keywords).square().sum()

        spec = magnitude(clip.to(dtype), 256, window=window)
        loss = energy(spec.requires_grad_())
        (gradients[dtype],) = torch.autograd.grad(loss, spec)
        spec = spec.detach()
        assert gradients[dtype].abs().max() < 1
        assert gradients[dtype].norm() * spec.norm() < 4 * loss.detach()
    changes = list(blobs(spec, 12))
    told = torch.stack([(gradients[torch.float64] * change).sum() for change in changes])
    true = torch.stack(
        [(energy(spec + 0.4 * change) - energy(spec - 0.4 * change)) / 0.8 for change in changes]
    )
    assert torch.corrcoef(torch.stack([told, true]))[0, 1] > 0.75
    assert (told - true).abs().mean() < 0.5 * true.abs().mean()


@pytest.mark.parametrize("asymmetric", [False, True])
def test_the_exact_gradient_is_the_derivative(speech, asymmetric):
    """Against finite differences, where the first frames are smooth enough for them."""
    window = 0.1 + hann(64)
    spec = magnitude(speech[:256], 64, window=window)
    probe = torch.randn(256, dtype=torch.float64)
    keywords = {
        "look_ahead": 2, "asymmetric_window": asymmetric, "max_iter": 2, "length": 256,
        "window": window, "verbose": False,
    }  # fmt: skip

    def value(spec, exact=True):
        wave = invert(spec, "rtisi_la", exact_gradient=exact, **keywords).wave
        return (wave * probe).sum()

    spec.requires_grad_()
    (exact,) = torch.autograd.grad(value(spec), spec)
    (limited,) = torch.autograd.grad(value(spec, exact=False), spec)
    spec = spec.detach()
    assert value(spec) == value(spec, exact=False)
    for _ in range(5):
        change = torch.randn_like(spec) * spec
        finite = (value(spec + 1e-7 * change) - value(spec - 1e-7 * change)) / 2e-7
        assert abs((exact * change).sum() - finite) < 1e-3 * (exact * change).norm()
    assert not torch.allclose(exact, limited)


def test_a_guess_below_rounding_carries_no_gradient(speech):
    window = hann(64)
    spec = magnitude(speech[:600], 64, window=window)
    spectrum = (1e-20 * torch.randn(33, dtype=torch.complex128)).requires_grad_()

    class Faint:
        past = 0

        def __call__(self, _arrival, _geometry):
            return spectrum[None]

    for exact in (True, False):
        inverter = OnlineInverter(
            STFT.of(spec, window=window).geometry, look_ahead=0, asymmetric_window=False,
            max_iter=1, algorithm=GriffinLim(0.0), guess=Faint(), exact_gradient=exact,
        )  # fmt: skip
        state = inverter.begin(1)
        state, _ = inverter.push(state, spec[None, :, 9], torch.ones(1, dtype=torch.bool))
        value = state.committed.sum() + 0 * spectrum.abs().sum()
        (gradient,) = torch.autograd.grad(value, spectrum)
        assert gradient.abs().max() < (1e-12 if exact else 10)
