"""Gradients of native iterations: against the engine "torch", finite differences, properties."""

from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from tests.cases import of_type, with_threads
from tests.conftest import hann
from tests.native_cases import FITTING, WIDTHS, native_engine, needs_library, problem_of
from tests.reference import formulas
from torch_specinv.algorithms import GriffinLim
from torch_specinv.constraints import Magnitude
from torch_specinv.engines import TorchEngine
from torch_specinv.engines.native_training import NativeTraining
from torch_specinv.solve import Momentum
from torch_specinv.solve.problem import SpectrogramProblem
from torch_specinv.transform.padding import PAD_MODES
from torch_specinv.transform.ragged import ragged_stft
from torch_specinv.transform.stft import STFT

pytestmark = needs_library


def training(problem, algorithm, steps, width=None, threads=1):
    return native_engine(problem, algorithm, steps, width, threads, kind=NativeTraining)


def wave_and_gradients(make, problem, start, algorithm, ends=(5,), **keywords):
    """The last wave, and the gradient of a sum over the waves after each of some iterations."""
    target = problem.target.clone().requires_grad_()
    start = start.clone().requires_grad_()
    known = replace(problem, known=Magnitude(target))
    engine = make(known, algorithm, ends[-1], **keywords)
    state, total = engine.start(start), 0.0
    for until in ends:
        state = engine.advance(state, until)
        wave = engine.wave(state)
        weights = torch.randn(wave.shape[-1], generator=torch.Generator().manual_seed(until))
        total = total + (wave * weights.to(wave)).sum()
    return wave.detach(), *torch.autograd.grad(total, (target, start))


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


def test_the_wave_is_that_of_no_gradient():
    problem, start = problem_of(2000, {})
    engines = training(problem, GriffinLim(), 7), native_engine(problem, GriffinLim(), 7)
    states = [engine.advance(engine.start(start), 7) for engine in engines]
    found, plain = (engine.evaluate(s) for engine, s in zip(engines, states, strict=True))
    for value, other in zip(found, plain, strict=True):
        assert (value - other).abs().max() < 1e-5 * other.abs().max()


def test_a_state_is_not_written_over():
    problem, start = problem_of(1000, {})
    engine = training(problem, GriffinLim(), 9)
    state = engine.advance(engine.start(start), 4)
    before = [wave.clone() for wave in (*state.waves, *state.plain)]
    engine.evaluate(engine.advance(state, 9))
    for wave, kept in zip((*state.waves, *state.plain), before, strict=True):
        assert torch.equal(wave, kept)


@pytest.mark.sanitized
def test_a_state_goes_on_with_another_number_of_threads():
    problem, start = problem_of(5000, {"hop_length": 50}, 1)
    one, two = (training(problem, GriffinLim(), 6, threads=threads) for threads in (1, 2))
    assert one.plan.layout != two.plan.layout
    expected = one.wave(one.advance(one.start(start), 6))
    state = one.advance(one.start(start), 3)
    assert torch.equal(two.wave(two.advance(state, 6)), expected)


def leaf_and_wave(steps=4, make=training):
    problem, start = problem_of(1000, {})
    leaf = problem.target.clone().requires_grad_()
    engine = make(replace(problem, known=Magnitude(leaf)), GriffinLim(), steps)
    return leaf, engine.wave(engine.advance(engine.start(start), steps))


class Held:
    def __init__(self, tensor):
        self.tensor = tensor


def test_few_numbers_are_kept_and_freed_after_the_way_back():
    sizes = []
    for make in (training, TorchEngine):
        held = []

        def pack(tensor, held=held):
            held.append(Held(tensor))
            return held[-1]

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda holder: holder.tensor):
            _, wave = leaf_and_wave(8, make)
        sizes.append(sum(holder.tensor.numel() for holder in held))
        alive = [weakref.ref(holder) for holder in held]
        held.clear()
        gc.collect()
        assert all(holder() is not None for holder in alive)
        wave.sum().backward()
        gc.collect()
        assert all(holder() is None for holder in alive)
    assert sizes[0] < 0.3 * sizes[1]


def test_a_second_way_back_needs_retain_graph():
    leaf, wave = leaf_and_wave()
    total = wave.square().sum()
    first, second = (torch.autograd.grad(total, leaf, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second)
    total.backward()
    assert torch.equal(leaf.grad, first)
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        total.backward()


@pytest.mark.parametrize("alpha", [0.0, 0.9])
def test_second_derivatives_are_those_of_the_plain_engine(alpha):
    found = []
    for make in (training, TorchEngine):
        problem, start = problem_of(600, {})
        leaf, begin = problem.target.clone().requires_grad_(), start.clone().requires_grad_()
        engine = make(replace(problem, known=Magnitude(leaf)), GriffinLim(alpha), 4)
        state = engine.advance(engine.advance(engine.start(begin), 1), 4)
        total = engine.wave(state).pow(3).sum()
        first = torch.autograd.grad(total, (leaf, begin), create_graph=True)
        square = sum(torch.view_as_real(x).square().sum() if x.is_complex() else x.square().sum()
                     for x in first)  # fmt: skip
        found.append((*(x.detach() for x in first), *torch.autograd.grad(square, (leaf, begin))))
    for value, right in zip(*found, strict=True):
        assert (value - right).norm() < 1e-3 * right.norm()


def test_gradients_of_many_sums_at_once():
    leaf, wave = leaf_and_wave()
    weights = torch.randn(3, *wave.shape)
    single = [torch.autograd.grad(wave, leaf, w, retain_graph=True)[0] for w in weights]
    (batched,) = torch.autograd.grad(wave, leaf, weights, is_grads_batched=True, retain_graph=True)
    for one, other in zip(single, batched, strict=True):
        assert (one - other).abs().max() < 1e-4 * one.abs().max()


def test_threads_of_the_caller_are_left_alone():
    leaf, wave = with_threads(2, leaf_and_wave)
    wave.sum().backward()
    assert torch.get_num_threads() == 1
    assert leaf.grad.isfinite().all()
