"""L-BFGS whose evaluations the native engine makes."""

from __future__ import annotations

import pytest
import torch

from tests.cases import of_type
from tests.conftest import hann, magnitude
from tests.native_cases import FITTING, WIDTHS, native_engine, needs_library, problem_of
from torch_specinv import invert
from torch_specinv.algorithms import AMDR, LBFGS, Chain, GriffinLim
from torch_specinv.comparing.signals import speech_like
from torch_specinv.engines import ENGINES, NativeEngine, TorchEngine, choose_engine
from torch_specinv.optimize.stft_objective import SpectrogramObjective
from torch_specinv.solve.problem import SpectrogramProblem
from torch_specinv.transform.ragged import ragged_stft

pytestmark = needs_library


def exact(problem):
    """The same problem in double precision, for torch alone."""
    stft = of_type(problem.stft, torch.float64)
    return SpectrogramProblem.from_magnitude(problem.target.double(), stft)


@pytest.mark.sanitized
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("geometry", FITTING.values(), ids=FITTING)
def test_values_and_gradients(geometry, width):
    problem, _ = problem_of(3000, geometry)
    wave = torch.randn(3, 3000, generator=torch.manual_seed(1))

    engine = native_engine(problem, GriffinLim(), 1, width, threads=2)
    objective = SpectrogramObjective.of(problem, engine)
    point = objective.point(wave)
    double = exact(problem)
    reference = SpectrogramObjective.of(double, TorchEngine(double, GriffinLim(), 1))
    for found, expected in zip(
        objective.evaluate(point), reference.evaluate(point.double()), strict=True
    ):
        assert (found - expected).abs().max() < 2e-6 * expected.abs().max()
    alone = objective.select(torch.tensor([2])).evaluate(point[2:])
    for found, expected in zip(alone, objective.evaluate(point), strict=True):
        assert (found - expected[2:]).abs().max() < 2e-6 * expected.abs().max()


def test_values_of_ragged_batches():
    wave = torch.randn(2, 3000, generator=torch.manual_seed(1))
    lengths = torch.tensor([3000, 2345])
    spec = magnitude(torch.randn(2, 3000), 128)
    stft, spec = ragged_stft(spec.float(), lengths, window=hann(128, torch.float32))
    problem = SpectrogramProblem.from_magnitude(spec, stft)
    objective, native = (
        SpectrogramObjective.of(problem, make(problem, GriffinLim(), 1))
        for make in (TorchEngine, native_engine)
    )
    point = objective.point(wave * (torch.arange(3000) < lengths[:, None]))
    for found, expected in zip(native.evaluate(point), objective.evaluate(point), strict=True):
        assert (found - expected).abs().max() < 2e-6 * expected.abs().max()


def made(monkeypatch):
    """Note which engines are made."""
    found = []

    class Noted(NativeEngine):
        def look(self, wave):
            found.append(len(wave))
            return super().look(wave)

    monkeypatch.setitem(ENGINES, "native", Noted)
    return found


@pytest.mark.parametrize("algorithm", [LBFGS(), Chain((AMDR(), LBFGS(5)), (0.5, 0.5))])
def test_runs_end_as_those_of_torch(algorithm, monkeypatch):
    spec = magnitude(speech_like(16000, 1.0), 512).float()
    run = {"window": hann(512, torch.float32), "max_iter": 20, "tol": 0, "verbose": False}
    trips = made(monkeypatch)
    native = invert(spec, algorithm, **run).history["sc"][-1]
    assert len(trips) > 10
    trips.clear()
    plain = invert(spec, algorithm, backend="chunked", **run).history["sc"][-1]
    assert not trips
    assert abs(native - plain) < 0.3
    assert native < -20


@pytest.mark.parametrize(
    "change",
    [
        {"backend": "torch"},
        {"window": hann(90, torch.float32), "n_fft": 90, "onesided": False},
        {"requires_grad": True},
        {"dtype": torch.float64},
    ],
)
def test_what_the_native_engine_does_not_take(change, monkeypatch):
    trips = made(monkeypatch)
    settings = {"n_fft": 64, "window": hann(64, torch.float32), **change}
    dtype = settings.pop("dtype", torch.float32)
    waves = torch.randn(2, 900, generator=torch.manual_seed(0))
    stft = {k: v for k, v in settings.items() if k in ("n_fft", "window", "onesided")}
    spec = torch.stft(waves, return_complex=True, **stft)
    spec = spec.abs().to(dtype).requires_grad_(settings.pop("requires_grad", False))
    result = invert(spec, "lbfgs", max_iter=3, verbose=False, **settings)
    assert torch.isfinite(result.wave).all()
    assert not trips


def test_backends_that_are_named():
    problem, _ = problem_of(3000, {})
    for backend, taken in (("auto", True), ("native", True), ("chunked", False)):
        solver = LBFGS().solver(problem, 9, choose_engine(backend, gradient=False))
        assert isinstance(solver.objective.engine, NativeEngine) == taken


def test_a_trial_that_is_not_finite_leaves_nothing_behind():
    problem, _ = problem_of(3000, {})
    wave = torch.randn(3, 3000, generator=torch.manual_seed(1))
    engine = native_engine(problem, GriffinLim(0.0), 1)
    before = [x.clone() for x in engine.look(wave)]
    assert not torch.isfinite(engine.look(wave * torch.nan)[1]).any()
    after = engine.look(wave)
    assert all(map(torch.equal, before, after))


def test_gradients_are_those_of_torch():
    """The engine for gradients of Griffin-Lim makes no evaluations of L-BFGS."""
    spec = magnitude(torch.randn(2, 900, generator=torch.manual_seed(0)), 64).float()
    run = {"max_iter": 4, "window": hann(64, torch.float32), "verbose": False, "init": "zero"}
    found = []
    for backend in ("auto", "torch"):
        leaf = spec.clone().requires_grad_()
        invert(leaf, "lbfgs", backend=backend, **run).wave.square().sum().backward()
        found.append(leaf.grad)
    assert found[1].abs().max() > 0.1
    assert torch.allclose(*found, rtol=1e-4, atol=1e-4)
