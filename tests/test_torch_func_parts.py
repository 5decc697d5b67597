"""Derivatives of parts: the STFT, starting phases, bins of rounding, and what a map hides."""

from __future__ import annotations

import pytest
import torch
from torch.autograd import forward_ad

import torch_specinv
from torch_specinv import STFT, invert
from torch_specinv.constraints import guard
from torch_specinv.derivatives import by_value, is_differentiated, is_hidden
from torch_specinv.phase import PHASES

from .derivative_cases import (
    N_FFT,
    SAMPLES,
    SPEC,
    TANGENT,
    WINDOW,
    check_derivatives,
    close,
    draw,
    seeded,
)

# torch.vmap takes the items of torch.stft one by one, and says so
pytestmark = pytest.mark.filterwarnings("ignore:.*batching rule for aten..stft:UserWarning")


def test_bins_that_hold_only_rounding_have_no_derivative():
    spectrum = torch.tensor([1e-20j, 1 + 1j], dtype=torch.complex128)
    tangent, expected = torch.ones_like(spectrum), torch.tensor([0, 1], dtype=torch.complex128)
    assert torch.equal(torch.func.jvp(guard, (spectrum,), (tangent,))[1], expected)
    assert torch.equal(torch.func.vjp(guard, spectrum)[1](tangent)[0], expected)
    with forward_ad.dual_level():
        found = forward_ad.unpack_dual(guard(forward_ad.make_dual(spectrum, tangent))).tangent
    assert torch.equal(found, expected)


@pytest.mark.parametrize("name", PHASES)
def test_starting_phases_are_constants(name):
    def function(spec):
        spectrum = torch_specinv.phase_init(spec, method=name, generator=seeded(), window=WINDOW)
        return torch.view_as_real(spectrum)

    spectrum = torch.view_as_complex(function(SPEC))
    phase = spectrum / SPEC
    check_derivatives(function, SPEC, TANGENT, torch.view_as_real(phase * TANGENT))
    assert torch.equal(torch.vmap(function)(SPEC), function(SPEC))


def test_transforms_of_every_padding():
    wave, spectrum = draw(2, SAMPLES, seed=11), draw(2, N_FFT // 2 + 1, 9, 2, seed=12)
    for pad_mode in ("reflect", "constant", "replicate", "circular"):
        stft = STFT.of_wave(wave, n_fft=N_FFT, window=WINDOW, pad_mode=pad_mode)

        def analysis(x, stft=stft):
            return torch.view_as_real(stft.analyse(x))

        def synthesis(x, stft=stft):
            return stft.synthesise(torch.view_as_complex(x))

        for function, at in ((analysis, wave), (synthesis, spectrum)):
            tangent = draw(*at.shape, seed=13)
            check_derivatives(function, at, tangent, function(tangent))
            assert torch.equal(torch.vmap(function)(at), function(at))
            reverse = torch.func.jacrev(function)(at[0])
            close(torch.func.jacfwd(function)(at[0]), reverse, 1e-9)


def test_plain_calls_are_not_slowed_down():
    wave = torch.rand(2, 65, 20)
    seen = []
    keywords = {"window": torch.hann_window(128), "max_iter": 2, "verbose": False}
    with torch.no_grad():
        assert not is_differentiated(wave.clone().requires_grad_())
        result = invert(wave.clone().requires_grad_(), "griffin_lim", **keywords)
    plain = invert(wave, "griffin_lim", **keywords)
    torch.func.grad(lambda s: seen.append(is_differentiated(s)) or s.sum())(wave)
    assert seen == [True]
    assert torch.equal(result.wave, plain.wave)


def test_constants_of_mapped_tensors():
    a, b = draw(4, 3, 2, 5, seed=14), draw(3, 2, seed=15)

    def mean(x, y):
        assert type(x) is torch.Tensor
        assert not is_hidden(x, y)
        return torch.from_numpy(x.numpy().mean(1)) + y[:, None]

    def mapped(x, y):
        assert is_hidden(x, y)
        return by_value(mean, x, y)

    inner = torch.vmap(mapped, in_dims=(0, None))
    found = torch.vmap(inner, in_dims=(1, 0), out_dims=1)(a[..., None], b)
    assert torch.allclose(found, a.mean(3, keepdim=True) + b[None, :, :, None])
    assert torch.func.grad(lambda x: by_value(torch.exp, x).sum())(b).abs().max() == 0
