"""Settings of losses that are learnt."""

from __future__ import annotations

import pytest
import torch

from tests.conftest import hann
from tests.losses_cases import waves
from torch_specinv import losses


def parameter(*values):
    return torch.nn.Parameter(torch.tensor(values, dtype=torch.float64).squeeze())


def bank():
    generator = torch.Generator().manual_seed(5)
    return torch.nn.Parameter(torch.rand(4, 33, generator=generator, dtype=torch.float64))


ONE_RESOLUTION = {"hop_lengths": [16], "win_lengths": [64]}
LEARNT = {
    "window": lambda: losses.STFTLoss(n_fft=64, window=torch.nn.Parameter(hann(60)), win_length=60),
    "scale": lambda: losses.STFTLoss(n_fft=64, scale=bank()),
    "weight": lambda: losses.STFTLoss(n_fft=64, w_log=parameter(0.5)),
    "list of scales": lambda: losses.MultiResolutionSTFTLoss(**ONE_RESOLUTION, scale=[bank()]),
    "tuple of windows": lambda: losses.SmoothMultiResolutionSTFTLoss(
        **ONE_RESOLUTION, window=(torch.nn.Parameter(hann(64)),)
    ),
    "positions": lambda: losses.MultiResolutionTransportLoss(
        fft_sizes=[64], hop_lengths=[16], window=[torch.nn.Parameter(hann(64))]
    ),
    "weights": lambda: losses.TimeFrequencyLoss(
        torch.sin, [losses.esr_loss, losses.dc_loss], weights=parameter(0.3, 0.4)
    ),
    "list of weights": lambda: losses.TimeFrequencyLoss(
        torch.sin, [losses.esr_loss, losses.dc_loss], weights=[parameter(0.3), 0.4]
    ),
    "list of modules": lambda: losses.TimeFrequencyLoss(
        torch.sin, [losses.esr_loss], [torch.nn.Linear(300, 3, dtype=torch.float64)]
    ),
    "factor": lambda: losses.LogCoshLoss(a=parameter(2.0)),
}


@pytest.mark.parametrize("name", LEARNT)
def test_parameters_among_the_settings_are_trained(name):
    """An optimiser sees them, and their gradient is the slope that small changes have."""
    torch.manual_seed(0)
    module, (x, y) = LEARNT[name](), waves(2, 300)
    learnt = list(module.parameters())
    assert learnt and not {id(p) for p in learnt} & {id(b) for b in module.buffers()}
    assert "Parameter" not in repr(module)
    module(x, y).backward()
    changes = [torch.rand_like(p) for p in learnt]
    values = []
    for step in (1e-6, -2e-6):
        with torch.no_grad():
            for p, change in zip(learnt, changes, strict=True):
                p += step * change
        values.append(float(module(x, y).detach()))
    expected = sum((p.grad * change).sum() for p, change in zip(learnt, changes, strict=True))
    assert float(expected) == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-4, abs=1e-8)
    assert float(expected.abs()) > 1e-6
