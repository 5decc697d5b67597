"""An item of a batch is, bit by bit, what it is alone, wherever its numbers lie in memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.conftest import hann
from torch_specinv import RTISI_LA, invert, phase_init
from torch_specinv.mel import MelSpec
from torch_specinv.online import RTISI
from torch_specinv.transform.rounded_alike import (
    direction_of,
    magnitude_of,
    phase_of,
    positive_power,
)

dtypes = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])

FUNCTIONS = {
    "magnitude": (magnitude_of, np.abs),
    "direction": (direction_of, lambda c: c / np.where(c == 0, 1, np.abs(c))),
    "phase": (phase_of, np.angle),
    "power": (lambda c: positive_power(magnitude_of(c), 0.75), lambda c: np.abs(c) ** 0.75),
}


def numbers(count, dtype):
    """Complex numbers of all sizes, some of them real, imaginary, or 0."""
    generator = torch.Generator().manual_seed(0)
    parts = torch.randn(count, 2, generator=generator, dtype=dtype)
    parts *= 10 ** (6 * torch.randn(count, 1, generator=generator, dtype=dtype))
    parts[1::7, 0], parts[2::7, 1], parts[3::49] = 0, 0, 0
    return torch.view_as_complex(parts)


@dtypes
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_in_numpy(name, dtype):
    function, formula = FUNCTIONS[name]
    c = numbers(5000, dtype)
    c = c[c != 0] if name == "power" else c
    expected = formula(c.numpy().astype(np.complex128))
    rtol = (40 if name == "power" else 4) * torch.finfo(dtype).eps
    np.testing.assert_allclose(function(c).numpy(), expected, rtol=rtol)


@dtypes
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_rounded_alike_everywhere(name, dtype):
    """In the middle and at the end of a tensor, in every other place, and alone."""
    function = FUNCTIONS[name][0]
    c = numbers(3001, dtype)
    c = c[c != 0] if name == "power" else c
    whole = function(c)
    assert torch.equal(function(torch.stack([c, c], 1)[:, 1]), whole)
    for size in (1, 3, 13):
        parts = [function(part.clone()) for part in c[:390].split(size)]
        assert torch.equal(torch.cat(parts), whole[:390])


def test_gradients_of_the_functions():
    c = numbers(60, torch.float64)
    c = c[c.imag != 0]  # the phase of negative numbers jumps
    c = (c / c.abs()).requires_grad_()
    for function in (magnitude_of, direction_of, phase_of):
        assert torch.autograd.gradcheck(function, c)
    zero = torch.zeros(3, dtype=torch.complex64, requires_grad=True)
    for function in (magnitude_of, direction_of, phase_of):
        (gradient,) = torch.autograd.grad(function(zero).abs().sum(), zero)
        assert torch.isfinite(gradient).all()


def spectrograms(n_fft, count, dtype, frames=9):
    """Magnitudes of noise, each at a level of its own."""
    samples = (frames - 1) * (n_fft // 4)
    wave = torch.randn(count, max(samples, n_fft), dtype=dtype)
    wave *= 10 ** torch.randn(count, 1, dtype=dtype)
    stft = {"n_fft": n_fft, "hop_length": n_fft // 4, "window": hann(n_fft, dtype)}
    return torch.stft(wave, return_complex=True, **stft), stft


@dtypes
@pytest.mark.parametrize("n_fft", [32, 66, 63, 128, 130, 134])
def test_rtisi_of_a_batch(n_fft, dtype):
    """Batches of all sizes to 7, of odd and even bin counts, where memory ends anywhere."""
    spec, keywords = spectrograms(n_fft, 7, dtype, frames=50)
    spec = spec.abs()
    keywords |= {"verbose": False, "max_iter": 2}
    alone = torch.stack([RTISI_LA(item.clone(), **keywords) for item in spec])
    for count in range(1, 8):
        assert torch.equal(RTISI_LA(spec[:count].clone(), **keywords), alone[:count])
    assert torch.equal(RTISI_LA(spec.mT.contiguous().mT, **keywords), alone)
    assert torch.equal(RTISI_LA(torch.stack([spec, spec], -1)[..., 0], **keywords), alone)
    order = [3, 1, 6, 0, 5, 2, 4]
    assert torch.equal(RTISI_LA(spec[order], **keywords), alone[order])


@dtypes
@pytest.mark.parametrize("asymmetric", [False, True])
def test_rtisi_pushed_in_a_batch(dtype, asymmetric):
    spec, keywords = spectrograms(66, 5, dtype)
    spec = spec.abs()

    def wave(spec):
        online = RTISI(asymmetric_window=asymmetric, max_iter=9, **keywords)
        return torch.cat([*map(online.push, spec.unbind(-1)), online.flush()], -1)

    assert torch.equal(wave(spec), torch.stack([wave(item) for item in spec]))


@dtypes
@pytest.mark.parametrize("n_fft", [66, 64])
@pytest.mark.parametrize("name", ["griffin_lim", "amdr", "agla", "lbfgs", "auto"])
def test_starts_that_are_given(name, n_fft, dtype):
    """The phases of complex spectra are taken alike, as spec and as init."""
    spectrum, keywords = spectrograms(n_fft, 3, dtype)
    spectrum = spectrum * torch.polar(torch.ones_like(spectrum.real), 3 * spectrum.imag)
    keywords |= {"verbose": False, "max_iter": 5, "tol": 0}
    for spec, starts in ((spectrum, [None] * 3), (spectrum.abs(), spectrum.conj())):
        init = None if starts[0] is None else starts
        batch = invert(spec, name, init=init, **keywords).wave
        for item, own, start in zip(batch, spec, starts, strict=True):
            assert torch.equal(item, invert(own, name, init=start, **keywords).wave)


@dtypes
def test_phase_init_of_a_complex_batch(dtype):
    spectrum, keywords = spectrograms(66, 3, dtype)
    batch = phase_init(spectrum, **keywords)
    assert torch.equal(batch, torch.stack([phase_init(item, **keywords) for item in spectrum]))


def test_bands_of_any_power():
    """In float32. (In float64 the sums over bins are added up in another order.)"""
    spectrum, keywords = spectrograms(64, 3, torch.float32, frames=20)
    mel = MelSpec(8000, power=1.5)
    bands = mel.record(spectrum.abs(), 20)
    keywords |= {"mel": mel, "verbose": False, "max_iter": 5, "tol": 0}
    batch = invert(bands, "griffin_lim", **keywords).wave
    for item, own in zip(batch, bands, strict=True):
        assert torch.equal(item, invert(own, "griffin_lim", **keywords).wave)
