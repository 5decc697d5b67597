"""ADMM against the textbook's three variables, and the rows of its rule."""

from __future__ import annotations

import pytest
import torch

from tests.conftest import hann, magnitude
from torch_specinv import ADMM, STFT, SpecInvError, invert


@pytest.mark.parametrize("rho", [0.0, 0.1, 1.0])
def test_the_papers_three_variables(speech, rho):
    spec = magnitude(speech[:900], 64)
    stft = STFT.of(spec, window=hann(64))

    def on_magnitude(c):
        return torch.polar(spec, c.angle())

    phase = torch.rand(spec.shape, dtype=torch.float64)
    phase[[0, -1]] = 0  # these bins are real
    start = torch.polar(spec, phase)
    z, u = start, torch.zeros_like(start)
    for _ in range(7):  # the loop counts trips: the first X is the start itself
        x = on_magnitude(z - u)
        both = x + u
        z = (rho * both + stft.analyse(stft.synthesise(both))) / (1 + rho)
        u = both - z
    last = on_magnitude(z - u)
    expected = stft.synthesise(last)
    # the multiplier is the spectrum of nothing, so that X + U, which others take, gives the same
    assert stft.synthesise(u).abs().max() < 1e-12
    assert (stft.synthesise(last + u) - expected).abs().max() < 1e-12
    assert u.abs().max() > 0.01
    # only the last iterate is evaluated, so that it and not an earlier one is returned
    wave = ADMM(spec, 7, 0, rho, verbose=False, eva_iter=7, init=start.angle(), window=hann(64))
    assert (wave - expected).abs().max() < 1e-10


def test_it_goes_beyond_griffin_lim(clips):
    spec = magnitude(clips[[0, 1, 3, 4, 5, 6, 7]])
    ends = [
        invert(spec, name, max_iter=150, tol=0, window=hann(256), verbose=False).history["sc"][-1]
        for name in ("admm", "griffin_lim")
    ]
    assert (ends[0] - ends[1]).mean() < -1


def test_gradient_to_rho(speech):
    rho = torch.tensor(0.2, dtype=torch.float64, requires_grad=True)
    spec = 0.1 + torch.rand(9, 8, dtype=torch.float64)

    def wave(rho):
        return ADMM(spec, 3, 0, rho, verbose=False, init="zero", window=0.1 + hann(16))

    assert torch.autograd.gradcheck(wave, rho, atol=1e-5)


def test_bad_input():
    with pytest.raises(SpecInvError, match=r"rho=-0\.1: expected a finite number of at least 0"):
        ADMM(torch.rand(33, 20), rho=-0.1, window=hann(64), verbose=False)
