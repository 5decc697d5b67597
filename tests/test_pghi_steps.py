"""PGHI: the steps of phase from bin to bin, on signals whose phase is known."""

from __future__ import annotations

import math

import pytest
import torch

from tests.cases import hills
from tests.conftest import hann
from torch_specinv import STFT
from torch_specinv.phase.forest import TURN
from torch_specinv.phase.pghi import phase_steps
from torch_specinv.transform.windows import gaussian_width


def steps_of(spectrum, window, hop):
    """Return what the spectrum's (bins, frames) own phase does, and what its magnitude tells."""
    n_fft = len(window)
    keywords = {"n_fft": n_fft, "hop_length": hop, "window": window, "center": False}
    geometry = STFT.of(spectrum, **keywords).geometry
    strength = (spectrum.abs() / spectrum.abs().max()).mT[None].float()
    told = phase_steps(strength, geometry, gaussian_width(window))
    phase = spectrum.mT[None].angle() / (2 * math.pi)
    return [
        (step / TURN, phase.diff(dim=axis).narrow(3 - axis, 0, phase.shape[3 - axis] - 1))
        for step, axis in zip(told, (1, 2), strict=True)
    ]


def far_apart(told, true):
    """Return the distance in turns."""
    return (told - true - (told - true).round()).abs()


# x[n] = exp(-(n - n0)^2 / (2 s^2) + i (w n + b n^2 / 2)): a pulse, a short tone, two chirps
@pytest.mark.parametrize(
    ("spread", "frequency", "bend"),
    [(0.01, 0.0, 0.0), (300.0, 0.7, 0.0), (200.0, 0.5, 5e-4), (150.0, 1.3, -8e-4)],
)
def test_steps_of_gaussians_are_known(spread, frequency, bend):
    """The logarithm of their transform is of second degree: no difference is an approximation."""
    n_fft, hop = 256, 16
    n = torch.arange(n_fft, dtype=torch.float64)
    window = torch.exp(-0.5 * ((n - 128) / 24) ** 2)
    time = torch.arange(1024, dtype=torch.float64)
    phase = frequency * time + bend * time**2 / 2
    wave = torch.polar(torch.exp(-0.5 * ((time - 500) / spread) ** 2), phase)
    frames = wave.unfold(0, n_fft, hop) * window
    spectrum = torch.fft.fft(frames)[:, : n_fft // 2 + 1].T
    strong = (spectrum.abs() > 1e-3 * spectrum.abs().max()).T[None]
    (time_told, time_true), (bin_told, bin_true) = steps_of(spectrum, window, hop)
    # with all neighbours in the block and all of them strong
    inner = strong[:, 1:-1, 1:-1].clone()
    for m in (-1, 0, 1):
        for k in (-1, 0, 1):
            inner &= strong.roll((m, k), (1, 2))[:, 1:-1, 1:-1]
    assert inner.sum() > 30
    for told, true in ((time_told, time_true), (bin_told, bin_true)):
        error = far_apart(told[:, 1:-1, 1:-1], true[:, 1:, 1:])
        assert error[inner].max() < 2e-3


def test_the_group_delay_of_a_pulse():
    """A pulse at sample n of a frame turns the phase by -n / n_fft from bin to bin, on paper."""
    n_fft, hop, place = 256, 16, 500
    n = torch.arange(n_fft, dtype=torch.float64)
    window = torch.exp(-0.5 * ((n - 128) / 24) ** 2)
    starts = torch.arange(49) * hop
    seen = torch.exp(-0.5 * ((place - starts - 128) / 24.0) ** 2)
    strength = seen[None, :, None].expand(1, -1, 129).contiguous()
    geometry = STFT.of(strength[0].mT, n_fft=n_fft, hop_length=hop, window=window).geometry
    along_time, along_frequency = phase_steps(strength, geometry, gaussian_width(window))
    strong = torch.where(seen > 1e-3)[0]
    delay = -(place - starts[strong]) / n_fft
    error = far_apart(along_frequency[0, strong] / TURN, delay.double()[:, None])
    assert error[:, :-1].max() < 1e-4
    carrier = hop / n_fft * torch.arange(129, dtype=torch.float64)
    assert far_apart(along_time[0, strong] / TURN, carrier).max() < 1e-6


def test_the_ends_of_a_block():
    """Even about the ends: no slope. Otherwise the slope to the one neighbour, for each item."""
    strength = torch.stack([hills(3, seed=seed) for seed in range(2)]) + 0.1
    window = hann(78)
    geometry = STFT.of(strength[0].mT, n_fft=78, hop_length=20, window=window).geometry
    last = torch.tensor([59, 40])
    width = gaussian_width(window)
    delay = -39 / 78
    _, even = phase_steps(strength, geometry, width, last, even_ends=True)
    _, open_ = phase_steps(strength, geometry, width, last)
    log = strength.double().log()
    for item, end in enumerate(last.tolist()):
        for frame, neighbour in ((0, 1), (end, end - 1)):
            if frame == end:
                flat = even[item, frame, :-1] / TURN
                assert far_apart(flat, delay).max() < 1e-6
            rise = log[item, frame] - log[item, neighbour]
            mean = (rise[1:] + rise[:-1]) / 2 * (neighbour - frame)
            slope = width / (20 * 78) * mean / (2 * math.pi)
            assert far_apart(open_[item, frame, :-1] / TURN, delay + slope).max() < 1e-5
    assert torch.equal(even[:, 1:40], open_[:, 1:40])


@pytest.mark.parametrize(
    ("window", "width"),
    [
        (torch.hann_window, 0.2514), (torch.hamming_window, 0.2937),
        (torch.blackman_window, 0.1773), (torch.bartlett_window, 0.3142),
    ],
)  # fmt: skip
def test_published_widths(window, width):
    assert gaussian_width(window(1024, dtype=torch.float64)) / 1024**2 == pytest.approx(
        width, abs=1e-4
    )


def test_the_last_bin_of_an_odd_transform_has_its_own_image_above():
    window = hann(31)
    strength = 0.1 + torch.rand(2, 6, 16)
    geometry = STFT.of(strength[0].mT, n_fft=31, hop_length=8, window=window).geometry
    width = gaussian_width(window)
    told, _ = phase_steps(strength, geometry, width)
    log = strength.double().log()
    both = (log[:, 1:] + log[:, :-1]) / 2
    whole = torch.cat([both, both[:, :, 1:].flip(-1)], -1)  # both sides
    rise = (whole.roll(-1, -1) - whole.roll(1, -1)) / 2
    slope = 8 * 31 / width * rise / (2 * math.pi)
    expected = (8 / 31 * torch.arange(16) + slope[..., :16])[:, :, 1:]
    assert far_apart(told[:, :-1, 1:] / TURN, expected).max() < 1e-5
