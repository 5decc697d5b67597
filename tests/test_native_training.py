"""Gradients of native iterations: against the engine "torch", finite differences, properties."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from tests.cases import of_type
from tests.conftest import hann
from tests.native_cases import FITTING, WIDTHS, needs_library, problem_of
from tests.native_training_cases import training, wave_and_gradients
from tests.reference import formulas
from torch_specinv.algorithms import GriffinLim
from torch_specinv.constraints import Magnitude
from torch_specinv.engines import TorchEngine
from torch_specinv.solve import Momentum
from torch_specinv.solve.problem import SpectrogramProblem
from torch_specinv.transform.padding import PAD_MODES
from torch_specinv.transform.ragged import ragged_stft
from torch_specinv.transform.stft import STFT

pytestmark = needs_library


def compare(problem_and_start, exact_problem_and_start, algorithm, ends=(5,), **keywords):
    """As far from float64 as the engine "torch" in float32 is, about."""
    exact = wave_and_gradients(TorchEngine, *exact_problem_and_start, algorithm, ends)
    plain = wave_and_gradients(TorchEngine, *problem_and_start, algorithm, ends)
    found = wave_and_gradients(training, *problem_and_start, algorithm, ends, **keywords)
    for value, other, right in zip(found, plain, exact, strict=True):
        assert value.shape == right.shape
        peak = right.abs().max()
        errors = [float((x - right).abs().max() / peak) for x in (other, value)]
        assert errors[1] < 1e-5 + 20 * errors[0]
        assert errors[1] < 1e-2


def both_precisions(samples, keywords):
    return problem_of(samples, keywords), problem_of(samples, keywords, dtype=torch.float64)


@pytest.mark.sanitized
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("samples", [150, 1000])
@pytest.mark.parametrize("geometry", FITTING)
def test_equal_to_the_plain_engine(geometry, samples, width):
    alpha = 0.99 if samples > 150 else 0.0
    compare(
        *both_precisions(samples, FITTING[geometry]), GriffinLim(alpha), width=width,
        threads=1 + samples % 3,
    )  # fmt: skip


@pytest.mark.sanitized
@pytest.mark.parametrize("ends", [(1,), (2,), (3,), (1, 2, 3), (1, 4), (2, 3, 7)])
@pytest.mark.parametrize("alpha", [0.0, 0.99])
def test_waves_of_several_evaluations(alpha, ends):
    """A wave that is evaluated goes into the next two iterations, and out."""
    compare(*both_precisions(900, {"hop_length": 50}), GriffinLim(alpha), ends)


@dataclass(frozen=True)
class Warm(GriffinLim):
    """Each iteration has a momentum of its own."""

    def mix(self, wave, past, step):
        return torch.lerp(past[0], wave, 1 + 0.2 * step.number), (wave,)

    def coefficients(self, step):
        return Momentum(0.2 * step.number)


@pytest.mark.parametrize("ends", [(6,), (1, 3, 6)])
def test_momentum_that_changes(ends):
    compare(*both_precisions(900, {}), Warm(), ends)


def ragged(dtype):
    generator = torch.Generator().manual_seed(3)
    wave = torch.randn(4, 1800, generator=generator, dtype=torch.float64)
    spectrum = STFT.of_wave(wave, n_fft=128, window=hann(128)).analyse(wave)
    noisy = spectrum * (1 + 0.3 * torch.rand(spectrum.shape, generator=generator))
    lengths = [1800, 700, 1333, 1024]
    stft, target = ragged_stft(
        noisy.abs().to(dtype), lengths, window=hann(128, dtype), pad_mode="replicate"
    )
    problem = SpectrogramProblem.from_magnitude(target, stft)
    return problem, torch.polar(problem.target, spectrum.angle().to(dtype))


@pytest.mark.sanitized
@pytest.mark.parametrize("threads", [1, 2])
def test_ragged_batches(threads):
    compare(ragged(torch.float32), ragged(torch.float64), GriffinLim(), threads=threads)


@pytest.mark.sanitized
def test_windows_that_see_the_ends_badly():
    """Clicks are taken out of waves by what is returned, which is torch."""
    single, double = both_precisions(1000, {"center": False})
    assert single[0].stft.poorly_covered is not None
    compare(single, double, GriffinLim())


@pytest.mark.parametrize("alpha", [0.0, 0.99])
@pytest.mark.parametrize("pad_mode", [*PAD_MODES, None])
def test_finite_differences_of_the_definition(pad_mode, alpha):
    """The recursion of the paper with the STFT as a matrix, in float64."""
    rng = np.random.default_rng(1)
    n_fft, hop, length, center = 16, 5, 61, pad_mode is not None
    window = 0.1 + np.hanning(n_fft)
    keywords = {"center": center, "pad_mode": pad_mode or "reflect"}
    matrix, frames, bins = formulas.analysis_matrix(
        length, n_fft, hop, window, normalized=False, onesided=True, **keywords
    )
    # of a real signal inner bins count twice
    weights = np.tile(np.sqrt([1.0, *[2.0] * (bins - 2), 1.0]), frames)[:, None]
    stacked = np.concatenate([weights * matrix.real, weights * matrix.imag])
    inverse = np.linalg.pinv(stacked)

    def analyse(wave):
        return matrix @ wave

    def synthesise(c):
        return inverse @ np.concatenate([weights[:, 0] * c.real, weights[:, 0] * c.imag])

    signal = rng.standard_normal(length)
    target = np.abs(analyse(signal)) * (1 + 0.3 * rng.random(frames * bins))
    phases = np.exp(1j * (np.angle(analyse(signal)) + 0.3 * rng.standard_normal(frames * bins)))
    towards, out = rng.standard_normal(frames * bins), rng.standard_normal(length)
    ends = np.isin(np.arange(frames * bins) % bins, (0, bins - 1))
    phases[ends] = np.sign(phases[ends].real)

    def loss(step):
        at = target + step * towards
        wave = formulas.griffin_lim(analyse, synthesise, at, target * phases, 6, alpha)
        return out @ wave

    expected = (loss(1e-6) - loss(-1e-6)) / 2e-6
    shape = (1, frames, bins)

    def tensor(x):
        return torch.from_numpy(x.reshape(shape)).mT

    stft = of_type(
        STFT.of(
            tensor(target), n_fft=n_fft, hop_length=hop, length=length,
            window=torch.from_numpy(window), **keywords,
        ),
        torch.float32,
    )  # fmt: skip
    leaf = tensor(target).float().requires_grad_()
    problem = SpectrogramProblem.of(Magnitude(leaf), stft)
    engine = training(problem, GriffinLim(alpha), 6)
    start = tensor(target * phases).to(torch.complex64) / problem.scale
    state = engine.advance(engine.start(start), 6)
    wave = state.plain[0] * problem.scale[:, 0]
    (wave[0] * torch.from_numpy(out).float()).sum().backward()
    found = float((leaf.grad * tensor(towards)).sum())
    assert abs(found - expected) < 1e-3 * abs(expected)


@pytest.mark.sanitized
def test_silence_and_rounding_errors_have_finite_gradients():
    problem, start = problem_of(2000, {})
    target = problem.target.clone()
    target[0] = 0
    target[1, :, 5:30] = 0
    silent = replace(problem, known=Magnitude(target))
    found = wave_and_gradients(training, silent, start * (target > 0), GriffinLim())
    plain = wave_and_gradients(TorchEngine, silent, start * (target > 0), GriffinLim())
    for value, other in zip(found, plain, strict=True):
        assert torch.isfinite(value).all()
        # the phase of what is silent is rounding, and so is the derivative for its magnitude
        heard = 1 if value.ndim == 2 else target > 0
        assert ((value - other) * heard).abs().max() < 1e-3 * other.abs().max()
    # bins at the level of rounding errors hand nothing on
    for make in (training, TorchEngine):
        _, gradient, of_start = wave_and_gradients(make, problem, start * 1e-10, GriffinLim(), (1,))
        assert gradient.abs().max() > 0.01
        assert of_start.abs().max() == 0


@pytest.mark.sanitized
def test_what_is_not_finite_stays_with_its_item():
    problem, start = problem_of(1000, {})
    usual = wave_and_gradients(training, problem, start, GriffinLim())
    target = problem.target.clone()
    target[1, 3, 4] = float("nan")
    wrong = replace(problem, known=Magnitude(target))
    found = wave_and_gradients(training, wrong, start, GriffinLim())
    for value, right in zip(found, usual, strict=True):
        assert value[1].isnan().any()
        assert torch.equal(value[[0, 2]], right[[0, 2]])


@pytest.mark.sanitized
@pytest.mark.parametrize("items", [1, 3])
def test_two_threads_equal_one(items):
    """In two groups of lanes only the order of a few sums differs."""
    problem, start = problem_of(5000, {"hop_length": 50}, items)
    one, two = (
        wave_and_gradients(training, problem, start, GriffinLim(), (2, 6), threads=threads)
        for threads in (1, 2)
    )
    for value, other in zip(one, two, strict=True):
        assert (value - other).abs().max() < 1e-4 * other.abs().max()


def test_an_item_alone_is_as_in_the_batch():
    problem, start = problem_of(2000, {}, 3)
    whole = wave_and_gradients(training, problem, start, GriffinLim())
    for i in range(3):
        item = torch.tensor([i])
        alone = wave_and_gradients(training, problem.select(item), start[item], GriffinLim())
        for value, other in zip(alone, whole, strict=True):
            assert torch.equal(value[0], other[i])
