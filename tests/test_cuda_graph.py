"""The engine that records an iteration: all of it but the recording runs without a device.

On a pretended device its recordings are tried in tests/test_pretended_device.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch

from tests.cases import POINTWISE, Delayed, after, problem_of
from tests.conftest import hann, magnitude
from torch_specinv import SpecInvError, invert
from torch_specinv.algorithms import AMDR, DifferenceMap
from torch_specinv.engines import GraphEngine, TorchEngine, choose_engine
from torch_specinv.engines.schedule import Scheduled
from torch_specinv.solve import ALGORITHMS, Step
from torch_specinv.solve.problem import SpectrogramProblem
from torch_specinv.solve.recorded import KEPT
from torch_specinv.solve.solver import copy_state, each_tensor, select_items
from torch_specinv.transform.stft import STFT


def play_without_recording(step, device):
    """What a recorder does, without a device: warm up, and give back what is to be played."""
    for _ in range(4):
        step()
    return step


@dataclass(frozen=True)
class SteadyDelayed(Delayed):
    steady: ClassVar[bool] = True


def tensors_of(state):
    found = []
    each_tensor(state, lambda tensor: found.append(tensor) or tensor)
    return found


@pytest.mark.parametrize("name", [*POINTWISE, "handed on"])
def test_the_graph_engine_is_the_plain_one(name):
    """All but the recording itself, which needs a device: copies, first steps, parts, items."""
    algorithm = SteadyDelayed() if name == "handed on" else ALGORITHMS[name]()
    problem, start = problem_of(3000, {})
    plain = TorchEngine(problem, algorithm, 25)
    graph = GraphEngine(problem, algorithm, 25, play_without_recording)
    expected = after(plain, start, 25)
    state = graph.advance(graph.start(start), 5)
    kept = copy_state(state)
    whole = graph.wave(graph.advance(state, 25))
    assert (whole - expected).abs().max() < 1e-8
    # a state is not what the next run writes to
    assert all(torch.equal(a, b) for a, b in zip(tensors_of(state), tensors_of(kept), strict=True))
    chosen = torch.tensor([2, 0])
    fewer = graph.select(chosen)
    part = fewer.wave(fewer.advance(select_items(kept, chosen), 25))
    assert (part - expected[chosen]).abs().max() < 1e-8


def test_what_is_steady_is_steady():
    """A recorded iteration is played for every other: the number may have no influence."""
    problem, start = problem_of(1000, {})
    for name in POINTWISE:
        algorithm = ALGORITHMS[name]()
        steady = algorithm if algorithm.steady else Scheduled.of(algorithm, 50, problem.target)
        engine = TorchEngine(problem, steady, 50)
        state = engine.advance(engine.start(start), 2)
        one = engine.advance(state, 3)
        later = engine.advance(type(state)(**{**vars(state), "iteration": 37}), 38)
        assert torch.equal(one.extrapolated, later.extrapolated), name


def test_a_schedule_says_the_numbers_of_the_rule():
    like = torch.zeros(1, dtype=torch.float64)
    schedule = Scheduled.of(AMDR(), 40, like)
    for number in range(40):
        schedule.counter.fill_(number)
        expected = AMDR().coefficients(Step(number, 40))
        found = schedule.coefficients(Step(0, 40))
        if number:
            assert [float(x) for x in found] == pytest.approx(list(expected), abs=1e-15)
    schedule.counter.fill_(99)  # beyond the end the last one, as nothing may be read from there
    assert float(schedule.coefficients(Step(0, 40)).q) == AMDR().coefficients(Step(39, 40)).q
    assert Scheduled.of(DifferenceMap(-0.8), 40, like) is None
    assert Scheduled.of(Delayed(), 40, like) is None


def test_what_is_not_recorded_is_said(monkeypatch):
    problem, start = problem_of(1000, {})
    with pytest.warns(RuntimeWarning, match="DifferenceMap.*differ in more than numbers"):
        graph = GraphEngine(problem, DifferenceMap(-0.8), 9, play_without_recording)
    plain = TorchEngine(problem, DifferenceMap(-0.8), 9)
    assert torch.equal(after(graph, start, 9), after(plain, start, 9))
    # "auto" says nothing, and takes another
    assert GraphEngine.unsuited(problem, Delayed(), 9) is not None
    assert GraphEngine.unsuited(problem, AMDR(), 9) is None


@pytest.mark.gpu
@pytest.mark.parametrize("name", POINTWISE)
def test_recorded_on_a_device(name):
    problem, start = problem_of(9001, {})
    problem = SpectrogramProblem.from_magnitude(
        problem.target.cuda(), STFT.of(problem.target.cuda(), length=9001, n_fft=128,
                                       window=hann(128).cuda())
    )  # fmt: skip
    engines = [make(problem, ALGORITHMS[name](), 25) for make in (TorchEngine, GraphEngine)]
    plain, graph = (after(engine, start.cuda(), 25) for engine in engines)
    assert not engines[1].failed
    assert (graph - plain).abs().max() < 1e-7 * plain.abs().max()


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["auto", "lbfgs", "rtisi_la", "griffin_lim", "amdr"])
def test_inversions_recorded_on_a_device(clips, name):
    KEPT.clear()
    spec, window = magnitude(clips).cuda(), hann(256).cuda()
    settings = {"max_iter": 3 if name == "rtisi_la" else 60, "window": window, "verbose": False}
    plain, graph, again = (
        invert(spec, name, backend=backend, **settings) for backend in ("torch", "graph", "graph")
    )
    assert (plain.history["sc"][-1] - graph.history["sc"][-1]).abs().max() < 0.5
    assert torch.equal(graph.wave, again.wave)


@pytest.mark.gpu
def test_a_second_device_records_on_itself(clips):
    where = torch.device("cuda", torch.cuda.device_count() - 1)
    spec, window = magnitude(clips).to(where), hann(256).to(where)
    with torch.cuda.device(0):
        waves = [
            invert(spec, "amdr", backend=b, window=window, max_iter=25, verbose=False).wave
            for b in ("torch", "graph")
        ]
    assert (waves[0] - waves[1]).abs().max() < 1e-5


def test_the_graph_engine_needs_a_device(clips):
    with pytest.raises(
        SpecInvError, match="backend='graph' can't run this: it needs a CUDA device"
    ):
        invert(magnitude(clips), "griffin_lim", backend="graph", window=hann(256))
    assert "graph" in choose_engine("auto", gradient=False).names
