"""The parts of treating inexact magnitudes, each against its formula in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from torch_specinv import phase_init
from torch_specinv.constraints import Bands, Magnitude
from torch_specinv.inexact.local_mean import LocalMean
from torch_specinv.inexact.ratio_solver import RatioSolver, Treatment
from torch_specinv.inexact.texture import relative_roughness
from torch_specinv.phase.locked import locked_steps, mean_frequency
from torch_specinv.solve.problem import SpectrogramProblem
from torch_specinv.transform.stft import STFT
from torch_specinv.transform.windows import gaussian_width

from .cases import hann


def gaussian(deviation, size):
    """Return the weights (size, size) of a mean over neighbours, rows adding up to 1."""
    deviation = float(deviation)
    distance = np.subtract.outer(np.arange(size), np.arange(size))
    weights = np.exp(-(distance**2) / (2 * max(deviation, 1e-3) ** 2))
    weights[np.abs(distance) > 3 * max(deviation, 1e-3)] = 0
    return weights / weights.sum(1, keepdims=True)


def test_local_mean_is_a_gaussian_mean_of_each_items_own_widths():
    x = torch.randn(3, 9, 7, dtype=torch.float64, generator=torch.manual_seed(0))
    rows, frames = torch.tensor([0.0, 0.6, 2.0]).double(), torch.tensor([1.1, 0.0, 5.0]).double()
    means = LocalMean(rows, frames, (9, 7))(x)
    for item in range(3):
        expected = gaussian(rows[item], 9) @ x[item].numpy() @ gaussian(frames[item], 7).T
        assert np.allclose(means[item], expected)
        alone = LocalMean(rows[item : item + 1], frames[item : item + 1], (9, 7))
        assert torch.allclose(alone(x[item : item + 1])[0], means[item], atol=1e-14)


def test_local_mean_of_a_shorter_item_is_what_it_is_alone():
    x = torch.randn(2, 5, 8, dtype=torch.float64, generator=torch.manual_seed(0))
    width = torch.ones(2, dtype=torch.float64)
    mask = torch.arange(8) < torch.tensor([[8], [5]])
    means = LocalMean(width, width, (5, 8), mask)(x)
    alone = LocalMean(width[:1], width[:1], (5, 5))(x[1:, :, :5])
    assert torch.allclose(means[1, :, :5], alone[0], atol=1e-14)
    assert torch.isfinite(means).all()


def problem_of(magnitude, length=640, window=None, **settings):
    window = hann(64, torch.float64) if window is None else window
    stft = STFT.of(magnitude, length=length, window=window, **settings)
    return SpectrogramProblem.from_magnitude(magnitude, stft)


@pytest.mark.parametrize("blurred", [False, True])
def test_an_iteration_is_that_of_the_formula(blurred):
    generator = torch.manual_seed(1)
    wave = torch.randn(2, 640, dtype=torch.float64, generator=generator)
    magnitude = 0.1 + torch.rand(2, 33, 41, dtype=torch.float64, generator=generator)
    problem = problem_of(magnitude)
    stft = problem.stft
    spectrum = stft.analyse(wave)
    solver = RatioSolver(problem, 5)
    deviations = torch.tensor([1.2, 0.5]).double(), torch.tensor([0.7, 0.0]).double()
    treatment = Treatment(*deviations, torch.tensor([blurred, blurred]))
    state = solver.start_with(spectrum, treatment)
    result = solver.wave(solver.advance(state, 1))

    consistent = stft.analyse(stft.synthesise(spectrum)).numpy()
    target = problem.target.numpy()
    floor = 1e-4 * target.max((1, 2), keepdims=True)
    expected = []
    for item in range(2):
        over, along = gaussian(deviations[0][item], 33), gaussian(deviations[1][item], 41).T
        there, wanted = np.abs(consistent[item]) + floor[item], target[item] + floor[item]
        if blurred:
            gain = wanted / (over @ np.abs(consistent[item]) @ along + floor[item])
        else:
            gain = np.exp(over @ np.log(wanted / there) @ along)
        expected.append(consistent[item] * gain)
    expected = stft.synthesise(torch.from_numpy(np.stack(expected)))
    assert torch.allclose(result, expected, atol=1e-10)


def test_both_ways_in_one_batch_are_those_of_each_alone():
    generator = torch.manual_seed(1)
    magnitude = 0.1 + torch.rand(2, 33, 41, dtype=torch.float64, generator=generator)
    spectrum = magnitude * torch.exp(1j * torch.rand(2, 33, 41, generator=generator).double())
    width = torch.tensor([1.0, 1.4]).double()

    def wave(items):
        problem = problem_of(magnitude[items])
        solver = RatioSolver(problem, 3)
        treatment = Treatment(width[items], width[items], torch.tensor([False, True])[items])
        return solver.wave(solver.advance(solver.start_with(spectrum[items], treatment), 3))

    both = wave([0, 1])
    assert torch.allclose(both[0], wave([0])[0], atol=1e-12)
    assert torch.allclose(both[1], wave([1])[0], atol=1e-12)


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_factors_are_spread_over_the_bins_of_a_band(power):
    bank = torch.tensor([[1.0, 2.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0]]).double()
    factors = 0.5 + torch.rand(1, 2, 3, dtype=torch.float64, generator=torch.manual_seed(0))
    bands = Bands.of(torch.ones(1, 2, 3, dtype=torch.float64), bank, power)
    a, b = factors[0]
    expected = torch.stack([a, (2 * a + b) / 3, b, torch.ones(3, dtype=torch.float64)])
    assert torch.allclose(bands.spread(factors)[0], expected ** (1 / power))
    assert Magnitude(factors).spread(factors) is factors


def test_roughness_is_that_of_logarithms_within_50_db():
    generator = torch.manual_seed(2)
    target = torch.exp(torch.randn(2, 60, 80, dtype=torch.float64, generator=generator))
    observed = torch.exp(torch.randn(2, 60, 80, dtype=torch.float64, generator=generator))
    along_rows, along_frames = relative_roughness(target, observed)
    for item in range(2):
        t, o = target[item].numpy(), observed[item].numpy()
        loud = t > 10 ** (-50 / 20) * t.max()
        for axis, value in ((0, along_rows), (1, along_frames)):
            both = np.minimum(np.take(loud, range(loud.shape[axis] - 1), axis),
                              np.take(loud, range(1, loud.shape[axis]), axis))  # fmt: skip
            rough, usual = (np.abs(np.diff(np.log(x), axis=axis))[both].sum() for x in (t, o))
            assert np.isclose(value[item], rough / usual)
    # the level is of no matter, and of a few values nothing is said
    assert torch.allclose(relative_roughness(8 * target, observed)[0], along_rows)
    powers = relative_roughness(target**2, observed**2, 2.0)
    assert torch.allclose(torch.stack(powers), torch.stack([along_rows, along_frames]))
    few = relative_roughness(target[..., :3], observed[..., :3])
    assert not torch.stack(few).any()


def test_bins_of_a_peak_advance_with_its_frequency():
    """Two steady sinusoids: each bin of either peak gets its frequency."""
    n_fft, hop = 512, 128
    frequencies = torch.tensor([40.3, 150.8])
    time = torch.arange(8192, dtype=torch.float64)
    wave = torch.cos(2 * torch.pi / n_fft * frequencies[:, None].double() * time).sum(0)
    window = hann(n_fft, torch.float64)
    spectrum = torch.stft(wave, n_fft, hop, window=window, return_complex=True)
    magnitude = spectrum.abs()[None]
    stft = STFT.of(magnitude, length=8192, window=window, hop_length=hop)
    strength = (magnitude / magnitude.amax()).mT.float().contiguous()
    width = gaussian_width(window)
    log = strength.clamp_min(1e-7).log()
    found = mean_frequency(strength, stft.geometry, width, log)[0, 20]
    for frequency in frequencies:
        around = slice(int(frequency) - 1, int(frequency) + 3)
        assert torch.allclose(found[around], frequency, atol=0.06)
    steps = locked_steps(strength, stft.geometry, width, log)[0, 20].double() / 2**32
    advance = torch.remainder(frequencies * hop / n_fft - steps[[40, 151]] + 0.5, 1) - 0.5
    assert (advance.abs() < 0.06 * hop / n_fft).all()
    phase = phase_init(magnitude[0], method="locked", window=window, hop_length=hop).angle()
    true = torch.remainder(spectrum.angle() - phase, 2 * torch.pi)
    # the same offset in all frames of a peak
    offset = torch.exp(1j * true[40, 20:30])
    assert offset.mean().abs() > 0.97
