"""Frame bounds, the largest hop that loses nothing, and the centroid."""

from __future__ import annotations

import pytest
import torch

from tests.conftest import hann
from torch_specinv import STFT, SpecInvError
from torch_specinv.transform.windows import centroid, frame_bounds, largest_hop


@pytest.mark.parametrize(("n", "hop_length"), [(64, 16), (64, 24), (60, 25), (63, 20)])
def test_frame_bounds_bound_the_energy(n, hop_length):
    """B is reached and A is not passed by the energy of the two-sided, unitary STFT."""
    window = 0.1 + torch.rand(n, dtype=torch.float64)
    lower, upper = frame_bounds(window, hop_length)
    frames = 40
    length = hop_length * (frames - 1) + n
    stft = STFT.of_wave(
        torch.zeros(length, dtype=torch.float64),
        n_fft=n,
        hop_length=hop_length,
        window=window,
        center=False,
        normalized=True,
        onesided=False,
    )
    inside = slice(2 * n, length - 2 * n)
    ratios = []
    for place in range(2 * n, 2 * n + hop_length):
        pulse = torch.zeros(length, dtype=torch.float64)
        pulse[place] = 1
        ratios.append(float(stft.analyse(pulse).abs().square().sum()))
    assert min(ratios) == pytest.approx(lower, rel=1e-12)
    assert max(ratios) == pytest.approx(upper, rel=1e-12)
    wave = torch.zeros(length, dtype=torch.float64)
    wave[inside] = torch.randn(len(wave[inside]), dtype=torch.float64)
    energy = float(stft.analyse(wave).abs().square().sum() / wave.square().sum())
    assert lower <= energy <= upper


def test_a_hop_that_loses_samples_has_the_lower_bound_zero():
    assert frame_bounds(hann(64), 64)[0] == 0
    assert frame_bounds(hann(64), 63)[0] > 0
    assert largest_hop(hann(64), 64) == 63
    assert largest_hop(torch.nn.functional.pad(hann(30), (10, 24)), 60) == 29


def test_centroid():
    assert centroid(hann(64)) == pytest.approx(32)
    assert centroid(torch.tensor([0.0, 0.0, 3.0])) == 2


def test_bad_input():
    with pytest.raises(SpecInvError, match="hop_length=0"):
        frame_bounds(hann(8), 0)
    with pytest.raises(SpecInvError, match=r"shape \(2, 4\)"):
        frame_bounds(torch.ones(2, 4), 2)


def test_the_largest_hop_is_smaller_than_the_one_asked_about():
    assert largest_hop(torch.ones(64), 40) == 39
    assert largest_hop(torch.ones(64), 100) == 64
