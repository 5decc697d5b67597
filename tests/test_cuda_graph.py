"""The engine that records an iteration: all of it but the recording runs without a device."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch

from tests.cases import POINTWISE, Delayed, after, problem_of
from tests.conftest import hann, magnitude
from torch_specinv import SpecInvError, invert
from torch_specinv.engines import GraphEngine, TorchEngine
from torch_specinv.solve import ALGORITHMS
from torch_specinv.solve.problem import SpectrogramProblem
from torch_specinv.solve.solver import copy_state, select_items
from torch_specinv.transform.stft import STFT


def play_without_recording(step):
    """What a recorder does, without a device: warm up, and give back what is to be played."""
    for _ in range(4):
        step()
    return step


@pytest.mark.parametrize("name", [*POINTWISE, "handed on"])
def test_the_graph_engine_is_the_plain_one(name):
    """All but the recording itself, which needs a device: copies, first steps, parts, items."""
    algorithm = SteadyDelayed() if name == "handed on" else ALGORITHMS[name]()
    problem, start = problem_of(3000, {})
    plain = TorchEngine(problem, algorithm, 12)
    graph = GraphEngine(problem, algorithm, 12, play_without_recording)
    expected = after(plain, start, 12)
    state = graph.advance(graph.start(start), 5)
    kept = copy_state(state)
    whole = graph.wave(graph.advance(state, 12))
    assert (whole - expected).abs().max() < 1e-10
    # a state is not what the next run writes to
    assert all(torch.equal(a, b) for a, b in zip(tensors_of(state), tensors_of(kept), strict=True))
    chosen = torch.tensor([2, 0])
    fewer = graph.select(chosen)
    part = fewer.wave(fewer.advance(select_items(kept, chosen), 12))
    assert (part - expected[chosen]).abs().max() < 1e-10


def test_what_is_steady_is_steady():
    """A recorded iteration is played for every other: the number may have no influence."""
    problem, start = problem_of(1000, {})
    for name in POINTWISE:
        algorithm = ALGORITHMS[name]()
        if algorithm.steady:
            engine = TorchEngine(problem, algorithm, 50)
            state = engine.advance(engine.start(start), 2)
            later = dataclasses.replace(state, iteration=37)
            one, other = engine.advance(state, 3), engine.advance(later, 38)
            assert torch.equal(one.extrapolated, other.extrapolated), name


@pytest.mark.gpu
@pytest.mark.parametrize("name", POINTWISE)
def test_recorded_on_a_device(name):
    problem, start = problem_of(9001, {})
    problem = SpectrogramProblem.from_magnitude(
        problem.target.cuda(), STFT.of(problem.target.cuda(), length=9001, n_fft=128,
                                       window=hann(128).cuda())
    )  # fmt: skip
    engines = [make(problem, ALGORITHMS[name](), 12) for make in (TorchEngine, GraphEngine)]
    plain, graph = (after(engine, start.cuda(), 12) for engine in engines)
    assert (graph - plain).abs().max() < 1e-9 * plain.abs().max()


@dataclass(frozen=True)
class SteadyDelayed(Delayed):
    steady: ClassVar[bool] = True


def tensors_of(state):
    return [
        state.extrapolated,
        *state.partial_waves,
        *state.past,
        *(t for m in state.memories for t in m),
    ]


def test_the_graph_engine_needs_a_device(clips):
    with pytest.raises(
        SpecInvError, match="backend='graph' can't run this: it needs a CUDA device"
    ):
        invert(magnitude(clips), "griffin_lim", backend="graph", window=hann(256))
