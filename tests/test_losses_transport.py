"""Optimal transport along frequency: exact, and with a gradient that moves a tone to its place."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.losses_cases import DOUBLE, magnitudes, numpy_stft, periodic_hann, waves
from torch_specinv import losses


def wasserstein(u, v, positions, p):
    """Move mass greedily from left to right: optimal in one dimension."""
    u, v, i, j, cost = u.copy(), v.copy(), 0, 0, 0.0
    while i < len(u) and j < len(v):
        mass = min(u[i], v[j])
        cost += mass * abs(positions[i] - positions[j]) ** p
        u[i] -= mass
        v[j] -= mass
        if u[i] <= v[j]:
            i += 1
        else:
            j += 1
    return cost


@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("positions", [None, torch.linspace(1, 3, 9, dtype=DOUBLE) ** 2])
def test_transport_is_exact(p, positions):
    x, y = magnitudes(2, 9, 4)
    x[0, :5] = 0  # nothing to move in some bins
    values = losses.spectral_optimal_transport_loss(x, y, positions, p, eps=0.0, reduction="none")
    places = np.arange(9) / 9 if positions is None else positions.numpy()
    for i in range(2):
        costs = []
        for m in range(4):
            u, v = (s[i, :, m].numpy() / s[i, :, m].sum().item() for s in (x, y))
            costs.append(wasserstein(u, v, places, p))
        assert float(values[i]) == pytest.approx(np.mean(costs), rel=1e-9)


def test_transport_pulls_a_tone_into_place():
    """Where spectra do not overlap, the gradient of a difference vanishes, and this does not."""
    t = torch.arange(4000, dtype=DOUBLE) / 8000
    target = torch.sin(2 * torch.pi * 1000 * t)
    hertz = torch.tensor(2500.0, dtype=DOUBLE, requires_grad=True)
    loss = losses.multi_resolution_transport_loss(torch.sin(2 * torch.pi * hertz * t), target)
    assert float(torch.autograd.grad(loss, hertz)[0]) > 0


def test_settings_of_transport_between_waveforms():
    x, y = waves(400)
    shape = {"fft_sizes": (64,), "hop_lengths": (16,), "window": "hann"}
    loss = losses.multi_resolution_transport_loss(x, y, **shape, power=2.0, p=1)
    a, b = (abs(numpy_stft(s.numpy(), 64, 16, periodic_hann(64))) ** 2 for s in (x, y))
    places = np.linspace(0, 1, 33)
    costs = [
        wasserstein(a[:, m] / a[:, m].sum(), b[:, m] / b[:, m].sum(), places, 1)
        for m in range(a.shape[1])
    ]
    assert float(loss) == pytest.approx(np.mean(costs), rel=1e-6)
