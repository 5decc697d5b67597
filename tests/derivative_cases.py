"""What tests of derivatives share: numbers and a spectrogram in float64, finite differences."""

from __future__ import annotations

import torch
from torch.autograd import forward_ad

DOUBLE = torch.float64
N_FFT, SAMPLES = 16, 32
WINDOW = torch.hann_window(N_FFT, dtype=DOUBLE)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def draw(*shape, seed=0):
    return torch.randn(shape, dtype=DOUBLE, generator=seeded(seed))


def analyse(wave):
    return torch.stft(wave, N_FFT, window=WINDOW, return_complex=True).abs()


SPEC = analyse(draw(2, SAMPLES, seed=1))
TANGENT = draw(*SPEC.shape, seed=2)


def close(found, expected, rtol=1e-5):
    """Compare with finite differences, relative to the largest value."""
    assert found.shape == expected.shape
    assert float((found - expected).abs().max()) < rtol * float(expected.abs().max())


def difference(function, at, tangent, step=1e-6):
    return (function(at + step * tangent) - function(at - step * tangent)) / (2 * step)


def check_derivatives(function, at, tangent, expected=None):
    """Compare both modes, with torch.func and without it, with finite differences."""
    expected = difference(function, at, tangent) if expected is None else expected
    assert expected.abs().max() > 0
    close(torch.func.jvp(function, (at,), (tangent,))[1], expected)
    with forward_ad.dual_level():
        close(forward_ad.unpack_dual(function(forward_ad.make_dual(at, tangent))).tangent, expected)
    weights = draw(*expected.shape, seed=7)
    (pulled,) = torch.func.vjp(function, at)[1](weights)
    close((pulled * tangent).sum(), (weights * expected).sum())
    leaf = at.clone().requires_grad_()
    (pulled,) = torch.autograd.grad((weights * function(leaf)).sum(), leaf)
    close((pulled * tangent).sum(), (weights * expected).sum())
