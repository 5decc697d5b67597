"""L-BFGS on an STFT: the scaled objective, and what it keeps."""

from __future__ import annotations

import pytest
import torch

from tests.conftest import hann, magnitude
from tests.lbfgs_cases import seeded
from torch_specinv import L_BFGS, STFT, SpecInvError, invert, invert_transform, metrics
from torch_specinv.algorithms import GriffinLim
from torch_specinv.engines import TorchEngine
from torch_specinv.optimize.stft_objective import SpectrogramObjective
from torch_specinv.solve import SpectrogramProblem


def test_an_stft_gets_the_scaled_objective(clips):
    stft = STFT.of_wave(clips[0], n_fft=256, window=hann(256))
    target = stft(clips)
    wave = L_BFGS(target, stft, outer_max_iter=20, tol=0, generator=seeded(), verbose=False)
    expected = invert(
        target, "lbfgs", init="random", max_iter=20, tol=0, generator=seeded(), window=hann(256),
        length=2048, verbose=False,
    )  # fmt: skip
    assert torch.equal(wave, expected.wave)
    unscaled = L_BFGS(target, lambda x: stft(x), (8, 2048), outer_max_iter=20, tol=0,
                      generator=seeded(), verbose=False)  # fmt: skip
    gain = metrics.sc(stft(unscaled), target) - metrics.sc(stft(wave), target)
    assert gain[[0, 1, 3, 4, 5, 6, 7]].mean() > 1


@pytest.mark.parametrize("geometry", [{}, {"center": False}, {"pad_mode": "circular"},
                                      {"onesided": False}, {"normalized": True}])  # fmt: skip
def test_the_gradient_of_the_scaled_objective(geometry):
    spec = torch.rand(2, 16 if geometry.get("onesided") is False else 9, 8, dtype=torch.float64)
    stft = STFT.of(spec, window=0.1 + hann(16), **geometry)
    problem = SpectrogramProblem.from_magnitude(spec, stft)
    objective = SpectrogramObjective.of(problem, TorchEngine(problem, GriffinLim(), 1))
    point = torch.randn(2, stft.geometry.length, dtype=torch.float64, requires_grad=True)
    value, gradient = objective.evaluate(point)
    observed = objective.problem.observe(objective.wave(point))
    squares = (observed - objective.problem.target).square() * stft.bin_weights()
    assert torch.allclose(value, 0.5 * squares.sum((1, 2)))
    (by_autograd,) = torch.autograd.grad(0.5 * squares.sum(), point)
    assert torch.allclose(gradient, by_autograd, atol=1e-10)
    # and a unit step is one iteration of Griffin-Lim
    step = objective.wave(point - gradient)
    projected = objective.problem.constraint.project(stft.analyse(objective.wave(point)))
    assert torch.allclose(step, stft.synthesise(projected), atol=1e-10)


def test_an_stft_with_more_wishes(clips):
    """Start, memory, lengths and any length of the waveform keep the scaled objective."""
    stft = STFT.of(magnitude(torch.randn(4000, dtype=torch.float64)), length=4000,
                   window=hann(256))  # fmt: skip
    target = stft(torch.randn(2, 4000, dtype=torch.float64))
    run = {"outer_max_iter": 5, "tol": 0, "verbose": False}
    assert L_BFGS(target, stft, history_size=3, **run).shape == (2, 4000)
    start = torch.randn(2, 4000, dtype=torch.float64)
    wave = L_BFGS(target, stft, (2, 4000), start, **run)
    assert (metrics.sc(stft(wave), target) < metrics.sc(stft(start), target) - 5).all()
    lengths = [4000, 2000]
    ragged = L_BFGS(target, stft, lengths=lengths, generator=seeded(), **run)
    assert (ragged[1, 2000:] == 0).all()
    for samples in ((5, 4000), 3999, ()):
        with pytest.raises(SpecInvError, match="samples="):
            L_BFGS(target, stft, samples, **run)
    with pytest.raises(SpecInvError, match=r"init_x0 has shape \(2, 99\)"):
        L_BFGS(target, stft, init_x0=torch.zeros(2, 99), **run)
    with pytest.raises(SpecInvError, match="spec is complex"):
        L_BFGS(target + 0j, stft, **run)


def test_going_on_with_an_stft(clips):
    stft = STFT.of_wave(clips[0], n_fft=256, window=hann(256))
    target = stft(clips[:2])
    run = {"eva_iter": 4, "tol": 0, "verbose": False}
    whole = invert_transform(target, stft, outer_max_iter=20, generator=seeded(), **run)
    part = invert_transform(target, stft, outer_max_iter=9, generator=seeded(), **run)
    on = invert_transform(target, stft, outer_max_iter=11, resume=part, **run)
    assert torch.equal(on.wave, whole.wave)
