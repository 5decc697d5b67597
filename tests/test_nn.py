"""Modules compute what the functions compute, and behave as modules."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch
from torch import nn

import torch_specinv
from tests.conftest import hann
from torch_specinv import nn as inverters

SPEC = torch.rand(2, 33, 20, generator=torch.Generator().manual_seed(0))
WINDOW = hann(64, torch.float32)
CASES = {
    "griffin_lim": (
        inverters.GriffinLim(5, 0, 0.5, window=WINDOW, hop_length=20),
        lambda s: torch_specinv.griffin_lim(
            s, 5, 0, 0.5, verbose=False, window=WINDOW, hop_length=20
        ),
    ),
    "admm": (
        inverters.ADMM(5, 0, 0.3, init="zero", length=310, window=WINDOW),
        lambda s: torch_specinv.ADMM(
            s, 5, 0, 0.3, verbose=False, init="zero", length=310, window=WINDOW
        ),
    ),
    "rtisi_la": (
        inverters.RTISILA(2, True, 3, 0.5, window=WINDOW),
        lambda s: torch_specinv.RTISI_LA(s, 2, True, 3, 0.5, verbose=False, window=WINDOW),
    ),
    "phase_init": (
        inverters.PhaseInit(window=WINDOW),
        lambda s: torch_specinv.phase_init(s, window=WINDOW),
    ),
}
cases = pytest.mark.parametrize("name", CASES)


@cases
def test_the_module_is_the_function(name):
    module, function = CASES[name]
    assert torch.equal(module(SPEC), function(SPEC))
    assert torch.equal(nn.Sequential(nn.Identity(), module)(SPEC), function(SPEC))


@cases
def test_state_copies_and_devices(name):
    module, function = CASES[name]
    assert list(module.state_dict()) == ["window"]
    other = copy.deepcopy(module)
    other.window.zero_()
    other.load_state_dict(module.state_dict())
    stored = io.BytesIO()
    torch.save(module.state_dict(), stored)
    stored.seek(0)
    other.load_state_dict(torch.load(stored, weights_only=True))
    for again in (other, pickle.loads(pickle.dumps(module))):
        assert torch.equal(again(SPEC), function(SPEC))
    assert copy.deepcopy(module).to(torch.float64).window.dtype == torch.float64
    assert copy.deepcopy(module).to("meta").window.is_meta
    assert type(module).__name__ in repr(module)


def test_hyperparameters_can_be_learnt():
    for module, name in (
        (inverters.GriffinLim(3, 0, nn.Parameter(torch.tensor(0.5)), window=WINDOW), "alpha"),
        (inverters.ADMM(3, 0, nn.Parameter(torch.tensor(0.5)), window=WINDOW), "rho"),
    ):
        assert dict(module.named_parameters()).keys() == {name}
        module(SPEC).square().sum().backward()
        assert getattr(module, name).grad.abs() > 0


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (inverters.GriffinLim, {"init": "random", "tol": 0}),
        (inverters.ADMM, {"init": "random", "tol": 0}),
        (inverters.RTISILA, {}),
    ],
    ids=["griffin_lim", "admm", "rtisi_la"],
)
def test_a_window_that_is_a_parameter_is_trained(kind, settings):
    """Its gradient is the slope that small changes have, if the start does not depend on it."""
    before = hann(32) + 0.1
    window = nn.Parameter(before.clone())
    module = kind(max_iter=2, window=window, **settings)
    assert [name for name, _ in module.named_parameters()] == ["window"]
    assert not list(module.buffers())
    draw = torch.Generator().manual_seed(1)
    spec = torch.rand(17, 9, dtype=torch.float64, generator=draw)
    change = torch.rand(32, dtype=torch.float64, generator=draw)

    def loss():
        return module(spec, generator=torch.Generator().manual_seed(0)).square().sum()

    loss().backward()
    if kind is inverters.RTISILA:  # what is far back is left out of its gradient
        assert window.grad.abs().max() > 0
        return
    values = []
    for step in (1e-6, -1e-6):
        with torch.no_grad():
            window.copy_(before + step * change)
        values.append(float(loss().detach()))
    slope = (values[0] - values[1]) / 2e-6
    assert float(window.grad @ change) == pytest.approx(slope, rel=1e-5)


def test_lbfgs_holds_its_transform():
    class Gained(nn.Module):
        def __init__(self):
            super().__init__()
            self.gain = nn.Parameter(torch.tensor(2.0))
            self.register_buffer("window", WINDOW)

        def forward(self, wave):
            spec = torch.stft(wave, 64, window=self.window, return_complex=True)
            return self.gain * spec.abs().square()

    transform = Gained()
    target = transform(torch.randn(300)).detach()
    module = inverters.LBFGS(transform, 300, 4, 0)
    assert set(module.state_dict()) == {"transform_fn.gain", "transform_fn.window"}
    start = torch.randn(300)
    expected = torch_specinv.L_BFGS(target, transform, 300, start, 4, 0, verbose=False)
    assert torch.equal(module(target, start), expected)
    module(target, start).square().sum().backward()
    assert transform.gain.grad.abs() > 0


def test_without_a_window_the_module_warns_like_the_function():
    with pytest.warns(torch_specinv.ConventionWarning):
        inverters.GriffinLim(1)(SPEC)
    assert inverters.GriffinLim(1, window=None)(SPEC).shape == (2, 304)


@pytest.mark.gpu
@cases
def test_cuda(name):
    # frame after frame magnifies rounding
    module, function = CASES[name]
    assert torch.allclose(
        copy.deepcopy(module).cuda()(SPEC.cuda()).cpu(), function(SPEC), atol=3e-2
    )
