"""An iteration of a rule without numbers is one graph of torch.compile, the same for every step."""

from __future__ import annotations

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

from tests.cases import Delayed, of_type, problem_of
from tests.conftest import hann
from torch_specinv.algorithms import AGLA, AMDR, GriffinLim
from torch_specinv.constraints import Between, Confidence
from torch_specinv.engines import TorchEngine
from torch_specinv.engines.schedule import Scheduled
from torch_specinv.inversion.request import Request
from torch_specinv.solve import SpectrogramProblem, Step

STEPS = 12


class Cooling(Delayed):
    """A rule that computes with the number of the iteration."""

    def rule(self, spectrum, memory, constraint, step):
        last, before = memory
        weight = 0.5 * (1 - step.number / step.budget)
        return constraint.project(torch.lerp(spectrum, before, weight)), (spectrum, last)


@pytest.fixture(autouse=True)
def _forget_graphs():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def asked(**keywords):
    """A problem with a constraint of another kind, and a spectrum to start from."""
    _, start = problem_of(3000, {})
    settings = {"n_fft": 128, "window": hann(128), **keywords}
    spec = torch.rand(3, *settings.pop("rows"), generator=torch.Generator().manual_seed(2)).double()
    return Request.read(spec, "agla", settings).problem(), start


BANK = torch.rand(20, 65, generator=torch.Generator().manual_seed(3)).double()
FRAMES = 94
PROBLEMS = {
    "magnitude": lambda: problem_of(3000, {}),
    "bands": lambda: asked(rows=(20, FRAMES), mel=BANK),
    "between": lambda: asked(
        rows=(65, FRAMES), constraint=Between(torch.zeros(65, FRAMES), torch.ones(65, FRAMES))
    ),
    "confidence": lambda: asked(
        rows=(65, FRAMES), constraint=Confidence(torch.rand(65, FRAMES))
    ),
}  # fmt: skip


def compiled(engine, start, backend, steps=STEPS):
    """The wave after some steps of a compiled iteration, and how often it was compiled."""
    counter = CompileCounterWithBackend(backend)
    iterate = torch.compile(engine.iterate, fullgraph=True, backend=counter)
    with torch.no_grad():
        state = engine.advance(engine.start(start), 2)
        for number in torch.arange(2, steps):
            state = iterate(state, Step(number, steps))
        return engine.wave(state), counter.frame_count


def plain(engine, start, steps=STEPS):
    with torch.no_grad():
        return engine.wave(engine.advance(engine.start(start), steps))


@pytest.mark.parametrize("backend", ["eager", pytest.param("aot_eager", marks=pytest.mark.slow)])
@pytest.mark.parametrize("rule", [AGLA(), GriffinLim(), Delayed(), Cooling()], ids=repr)
def test_one_graph_serves_all_iterations(rule, backend):
    problem, start = PROBLEMS["magnitude"]()
    engine = TorchEngine(problem, rule, STEPS)
    wave, compilations = compiled(engine, start, backend)
    assert compilations == 1
    assert torch.allclose(wave, plain(engine, start), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", [name for name in PROBLEMS if name != "magnitude"])
def test_constraints_are_in_the_graph(name):
    problem, start = PROBLEMS[name]()
    engine = TorchEngine(problem, AGLA(), STEPS)
    wave, compilations = compiled(engine, start, "eager")
    assert compilations == 1
    assert torch.equal(wave, plain(engine, start))


def test_numbers_in_a_table_are_in_the_graph():
    """A rule that branches on the number of the step is one graph where numbers are looked up."""
    problem, start = PROBLEMS["magnitude"]()
    schedule = Scheduled.of(AMDR(), STEPS, problem.target)
    engine = TorchEngine(problem, schedule, STEPS)
    counter = CompileCounterWithBackend("eager")
    iterate = torch.compile(engine.iterate, fullgraph=True, backend=counter)
    with torch.no_grad():
        plainly = TorchEngine(problem, AMDR(), STEPS)
        state = plainly.advance(plainly.start(start), 2)
        for number in range(2, STEPS):
            schedule.counter.fill_(number)
            state = iterate(state, Step(torch.tensor(number), STEPS))
    assert counter.frame_count == 1
    assert torch.allclose(engine.wave(state), plain(plainly, start), rtol=0, atol=1e-9)


def test_the_numbers_of_a_rule_are_those_of_its_step():
    """What computes with the number of a step gets the number of that step."""
    problem, start = PROBLEMS["magnitude"]()
    engine = TorchEngine(problem, Cooling(), STEPS)
    with torch.no_grad():
        state = engine.start(start)
        for number in torch.arange(STEPS):
            state = engine.iterate(state, Step(number, STEPS))
    assert state.iteration == STEPS
    assert torch.allclose(engine.wave(state), plain(engine, start), rtol=0, atol=1e-9)
    other = TorchEngine(problem, Cooling(), 2 * STEPS)
    assert not torch.allclose(plain(other, start), plain(engine, start), rtol=0, atol=1e-3)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Torchinductor does not support code generation for complex")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_inductor():
    problem, start = PROBLEMS["magnitude"]()
    stft = of_type(problem.stft, torch.float32)
    problem = SpectrogramProblem.from_magnitude(problem.target.float(), stft)
    engine = TorchEngine(problem, AGLA(), STEPS)
    wave, compilations = compiled(engine, start.to(torch.complex64), "inductor")
    expected = plain(engine, start.to(torch.complex64))
    assert compilations == 1
    assert (wave - expected).abs().max() < 1e-4 * expected.abs().max()
