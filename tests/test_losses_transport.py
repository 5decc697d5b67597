"""Optimal transport along frequency: exact, and with a gradient that moves a tone to its place."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.losses_cases import DOUBLE, magnitudes, numpy_stft, periodic_hann, waves
from torch_specinv import SpecInvError, losses


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


def transport_in_numpy(x, y, positions, lowpass, balanced):
    """The cost for p = 2 of each frame of (bins, frames), level by level, in float64."""
    order = np.argsort(positions, kind="stable")
    places, costs = positions[order], []
    for u, v in zip(x.T.astype(np.float64), y.T.astype(np.float64), strict=True):
        u, v = u[order], v[order]
        u, v = u / u.sum(), v / (v if balanced else u).sum()
        below = np.cumsum(u), np.cumsum(v)
        levels = np.sort(np.concatenate(below))
        middle = levels - np.diff(levels, prepend=0) / 2
        i, j = (np.minimum(np.searchsorted(b, middle), len(places) - 1) for b in below)
        steps = np.diff(levels, prepend=0)
        if lowpass:
            # u adds up to 1 but for rounding
            steps = np.where(middle > 1, 0, steps)
        costs.append((steps * (places[i] - places[j]) ** 2).sum())
    return np.array(costs)


@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("lowpass", [True, False])
def test_single_frames_in_single_precision(lowpass, balanced):
    """Frame by frame: whether the sum of a spectrum is rounded to more than 1 is of no account."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(2, 33, 400, generator=generator) ** 4
    found = losses.spectral_optimal_transport_loss(
        x.T[:, :, None], y.T[:, :, None], quantile_lowpass=lowpass, balanced=balanced, eps=0.0,
        reduction="none",
    )  # fmt: skip
    expected = transport_in_numpy(x.numpy(), y.numpy(), np.arange(33) / 33, lowpass, balanced)
    np.testing.assert_allclose(found.numpy(), expected, rtol=2e-5)


def test_positions_in_any_order():
    """As those of numpy.fft.fftfreq are, some of them negative."""
    x, y = magnitudes(1, 9, 4)
    places = np.fft.fftfreq(9)
    found = losses.spectral_optimal_transport_loss(x, y, torch.tensor(places), eps=0.0)
    expected = transport_in_numpy(x[0].numpy(), y[0].numpy(), places, False, True).mean()
    assert float(found) == pytest.approx(expected, rel=1e-9)
    backwards = losses.spectral_optimal_transport_loss(x.flip(1), y.flip(1), places[::-1].copy())
    assert float(backwards) == pytest.approx(float(found), rel=1e-6)


def test_positions_that_are_none():
    x, y = magnitudes(1, 9, 4)
    for positions, message in (
        (torch.full((9,), torch.nan), "positions holds 9 values that are NaN"),
        (torch.arange(8), r"expected real \(9,\)"),
        (torch.arange(9) * 1j, "complex64"),
    ):
        with pytest.raises(SpecInvError, match=message):
            losses.spectral_optimal_transport_loss(x, y, positions)
    with pytest.raises(SpecInvError, match="p=inf"):
        losses.spectral_optimal_transport_loss(x, y, p=torch.inf)
