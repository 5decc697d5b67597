"""The native engine against the plain one: every rule, and momentum that changes."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from tests.cases import after
from tests.conftest import hann
from tests.native_cases import FITTING, RULES, WIDTHS, native_engine, needs_library, problem_of
from torch_specinv import SpecInvError
from torch_specinv.algorithms import AMDR, RAAR, GriffinLim
from torch_specinv.comparing.signals import CLIPS
from torch_specinv.engines import ChunkedEngine, TorchEngine
from torch_specinv.engines.native_training import NativeTraining
from torch_specinv.native import NativePlan, Rule
from torch_specinv.solve import ALGORITHMS, Momentum
from torch_specinv.solve.problem import SpectrogramProblem
from torch_specinv.transform.stft import STFT

pytestmark = needs_library


def compare_with_plain_engine(algorithm, geometry, samples, width):
    """After some iterations as far from float64 as the engine "torch" in float32 is, about."""
    keywords = FITTING[geometry]
    exact, start = problem_of(samples, keywords, dtype=torch.float64)
    rounded, begin = problem_of(samples, keywords)
    expected = after(TorchEngine(exact, algorithm, 6), start, 6)
    peak = expected.abs().max()
    engines = (
        TorchEngine(rounded, algorithm, 6),
        native_engine(rounded, algorithm, 6, width, threads=1 + samples % 3),
    )
    errors = [(after(engine, begin, 6) - expected).abs().max() / peak for engine in engines]
    assert errors[1] < 5e-6 + 20 * errors[0]
    assert errors[1] < 1e-2


# Rules are carried out bin by bin, so a geometry is tried with alternating frames and without.
@pytest.mark.sanitized
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("samples", [150, 1000, pytest.param(9001, marks=pytest.mark.slow)])
@pytest.mark.parametrize("geometry", FITTING)
@pytest.mark.parametrize("algorithm", [GriffinLim(), AMDR()])
def test_equal_to_the_plain_engine(algorithm, geometry, samples, width):
    compare_with_plain_engine(algorithm, geometry, samples, width)


@pytest.mark.sanitized
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", RULES)
def test_every_algorithm_is_equal_to_the_plain_engine(name, width):
    compare_with_plain_engine(ALGORITHMS[name](), "hop does not divide", 9001, width)


def test_each_kind_of_native_rule_has_an_algorithm(monkeypatch):
    """So that the tests of every algorithm are tests of everything that the engine knows."""
    ran, run = set(), NativePlan.run
    monkeypatch.setattr(
        NativePlan,
        "run",
        lambda self, rule, *rest, **more: ran.add(rule) or run(self, rule, *rest, **more),
    )
    problem, start = problem_of(1000, {})
    for name in RULES:
        engine = native_engine(problem, ALGORITHMS[name](), 3)
        engine.evaluate(engine.advance(engine.start(start), 3))
    engine = native_engine(problem, GriffinLim(), 3, kind=NativeTraining)
    engine.wave(engine.advance(engine.start(start.requires_grad_()), 3)).sum().backward()
    engine.start_at(start.angle(), problem.target)
    assert ran == set(Rule)


@pytest.mark.parametrize("width", WIDTHS)
def test_spectral_convergence_of_long_runs(width):
    """Fast Griffin-Lim is no chaos: a hundred iterations end within 0.01 dB."""
    wave = torch.stack([CLIPS[name](sr=8000, seconds=1.5) for name in CLIPS])
    stft = STFT.of_wave(wave, n_fft=256, hop_length=64, window=hann(256, torch.float32))
    problem = SpectrogramProblem.from_magnitude(stft(wave), stft)
    start = problem.target + 0j
    errors = []
    for engine in (
        ChunkedEngine(problem, GriffinLim(), 100),
        native_engine(problem, GriffinLim(), 100, width),
    ):
        found = engine.wave(engine.advance(engine.start(start), 100))
        errors.append(10 * problem.error(found, None).log10())
    assert (errors[0] - errors[1]).abs().max() < 0.01


@pytest.mark.parametrize("algorithm", [RAAR(), AMDR()])
def test_the_mean_of_chaotic_runs(algorithm):
    """Rounding sends these elsewhere; over 24 starts they come equally near."""
    clip = CLIPS["speech"](sr=8000, seconds=0.8)
    wave = clip.expand(24, -1)
    stft = STFT.of_wave(wave, n_fft=256, hop_length=64, window=hann(256, torch.float32))
    problem = SpectrogramProblem.from_magnitude(stft(wave), stft)
    generator = torch.Generator().manual_seed(0)
    start = torch.polar(problem.target, 6.3 * torch.rand(problem.target.shape, generator=generator))
    means = []
    for make in (ChunkedEngine, native_engine):
        engine = make(problem, algorithm, 100)
        found = engine.wave(engine.advance(engine.start(start), 100))
        means.append(10 * problem.error(found, None).log10())
    difference = means[1] - means[0]
    assert difference.mean().abs() < 3 * difference.std() / 24**0.5 + 0.05


@pytest.mark.sanitized
@pytest.mark.parametrize("geometry", FITTING)
@pytest.mark.parametrize("algorithm", [GriffinLim(), RAAR(), AMDR()])
def test_the_error_in_lanes(algorithm, geometry):
    """What is added up in passing is what the problem says of the wave."""
    problem, start = problem_of(3000, FITTING[geometry])
    engine = native_engine(problem, algorithm, 9, threads=2)
    state = engine.advance(engine.start(start), 3)
    wave, error = engine.evaluate(state)
    assert torch.equal(wave, engine.wave(state))
    if error is None:
        assert problem.stft.poorly_covered is not None  # where clicks are taken out of the wave
    else:
        assert torch.allclose(error, problem.error(wave, None), rtol=1e-4)


@pytest.mark.sanitized
def test_momentum_that_changes():
    """The wave after iteration n goes on with the momentum of that iteration."""

    @dataclasses.dataclass(frozen=True)
    class Warm(GriffinLim):
        def mix(self, wave, past, step):
            return torch.lerp(past[0], wave, 1 + 0.1 * step.number), (wave,)

        def coefficients(self, step):
            return Momentum(0.1 * step.number)

    exact, start = problem_of(3000, {}, dtype=torch.float64)
    rounded, begin = problem_of(3000, {})
    plain, engine = TorchEngine(exact, Warm(), 6), native_engine(rounded, Warm(), 6)
    expected = after(plain, start, 6)
    wave = engine.wave(engine.advance(engine.advance(engine.start(begin), 4), 6))
    assert (wave - expected).abs().max() < 1e-4 * expected.abs().max()


def test_numbers_that_end():
    class Ends(RAAR):
        def coefficients(self, step):
            return super().coefficients(step) if step.number < 5 else None

    problem, start = problem_of(1000, {})
    engine = native_engine(problem, Ends(), 5)
    with pytest.raises(SpecInvError, match=r"iteration 5 of .* backend='chunked'"):
        engine.advance(engine.start(start), 6)


@pytest.mark.sanitized
def test_memory_of_a_rule_that_needs_it_late():
    """Where momentum begins after some iterations, the memory is what it would have been."""

    @dataclasses.dataclass(frozen=True)
    class Late(RAAR):
        def row(self, step):
            return super().row(step)._replace(alpha=0.5 if step.number >= 4 else 0.0)

    exact, start = problem_of(3000, {}, dtype=torch.float64)
    rounded, begin = problem_of(3000, {})
    plain, engine = TorchEngine(exact, Late(), 8), native_engine(rounded, Late(), 8)
    expected = after(plain, start, 8)
    state = engine.advance(engine.start(begin), 4)
    assert len(state.memory) == 1
    wave = engine.wave(engine.advance(state, 8))
    assert (wave - expected).abs().max() < 1e-3 * expected.abs().max()
