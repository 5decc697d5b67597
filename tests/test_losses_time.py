"""Losses between waveforms: their formulas, and the ends of their range."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.losses_cases import WAVE_LOSSES, waves, zm
from torch_specinv import losses


def si_sdr(x, y):
    target = (x @ y) / (y @ y) * y
    return -10 * np.log10((target**2).sum() / ((x - target) ** 2).sum())


def sd_sdr(x, y):
    target = (x @ y) / (y @ y) * y
    return -10 * np.log10((target**2).sum() / ((x - y) ** 2).sum())


TIME_FORMULAS = {
    "esr": lambda x, y: ((y - x) ** 2).sum() / ((y**2).sum() + 1e-8),
    "dc": lambda x, y: (y - x).mean() ** 2 / ((y**2).mean() + 1e-8),
    "logcosh": lambda x, y: np.log(np.cosh(x - y)).mean(),
    "snr": lambda x, y: -10 * np.log10((zm(y) ** 2).sum() / (zm(y - x) ** 2).sum()),
    "si_sdr": lambda x, y: si_sdr(zm(x), zm(y)),
    "sd_sdr": lambda x, y: sd_sdr(zm(x), zm(y)),
    "elementwise": lambda x, y: abs(x - y).mean(),
}


@pytest.mark.parametrize("name", TIME_FORMULAS)
def test_time_formulas_per_item(name):
    x, y = waves(2, 3, 500)
    x = y + 0.3 * x
    values = WAVE_LOSSES[name](x, y, reduction="none")
    assert values.shape == (2, 3)
    for i in np.ndindex(2, 3):
        expected = TIME_FORMULAS[name](x[i].numpy(), y[i].numpy())
        assert float(values[i]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("z", [1e-6, 1e-3, 0.2499, 0.2501, 1.0, 30.0, 1e4, 1e30])
def test_logcosh_of_any_error(z):
    exact = z + np.log1p(np.exp(-2 * z)) - np.log(2) if z > 0.01 else z**2 / 2 - z**4 / 12
    x = torch.tensor([z, -z], dtype=torch.float32)
    loss = losses.logcosh_loss(x.requires_grad_(), torch.zeros(2))
    gradient, x = torch.autograd.grad(loss, x)[0], x.detach()
    assert float(loss.detach()) == pytest.approx(exact, rel=2e-6)
    assert gradient.tolist() == pytest.approx([np.tanh(z) / 2, -np.tanh(z) / 2], rel=1e-5)
    assert float(losses.logcosh_loss(x / 3, torch.zeros(2), a=3.0)) == pytest.approx(
        exact / 3, rel=2e-6
    )


@pytest.mark.parametrize("gain", [2.0**-20, 2.0**-3, 2.0**30])
def test_si_sdr_is_exactly_invariant(gain):
    x, y = waves(4, 1000, dtype=torch.float32)
    x = y + 0.1 * x
    value = losses.si_sdr_loss(x, y, reduction="none")
    assert torch.equal(losses.si_sdr_loss(gain * x, y, reduction="none"), value)
    assert torch.equal(losses.si_sdr_loss(x, gain * y, reduction="none"), value)
    assert torch.allclose(losses.si_sdr_loss(3 * x, y, reduction="none"), value, rtol=1e-5)


@pytest.mark.parametrize("decibels", [20, 60, 80, 100])
def test_si_sdr_of_good_estimates(decibels):
    x, y = waves(2000)
    x, y = zm(x.numpy()), zm(y.numpy())
    noise = x - (x @ y) / (y @ y) * y
    noise *= 10 ** (-decibels / 20) * np.linalg.norm(y) / np.linalg.norm(noise)
    loss = losses.si_sdr_loss(torch.from_numpy(y + noise), torch.from_numpy(y))
    assert float(loss) == pytest.approx(-decibels, rel=1e-5)


def test_si_sdr_of_a_constant_is_that_of_silence():
    x, y = torch.full((999,), 0.1, requires_grad=True), waves(999, dtype=torch.float32)[0]
    gradient = torch.autograd.grad(losses.si_sdr_loss(x, y), x)[0]
    assert gradient.abs().max() == 0


def test_epsilon_of_the_error_to_signal_ratio():
    x, y = waves(100)
    assert float(losses.esr_loss(x, 0 * y, eps=2.0)) == pytest.approx(float(x @ x) / 2)
