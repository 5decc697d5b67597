"""Every engine gives what the plain one gives, whatever the rule, the geometry and the chunks."""

from __future__ import annotations

import dataclasses
import re
import threading
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch

from tests.cases import GEOMETRIES, KINDS, POINTWISE, Delayed, after, problem_of, with_threads
from tests.conftest import hann, magnitude
from torch_specinv import PointwiseAlgorithm, SpecInvError, invert, native
from torch_specinv.algorithms import RAAR, Chain, GriffinLim
from torch_specinv.engines import (
    ENGINES,
    ChunkedEngine,
    GraphEngine,
    PlainEngine,
    choose_engine,
)
from torch_specinv.engines.partition import divide
from torch_specinv.solve import ALGORITHMS
from torch_specinv.solve import problem as problem_module
from torch_specinv.solve.problem import SpectrogramProblem
from torch_specinv.solve.solver import copy_state, select_items
from torch_specinv.solve.threads import worker_threads
from torch_specinv.transform.stft import STFT


class SmallChunks(ChunkedEngine):
    """Sixteen frames a chunk, no more than a frame's samples mixed at a time, chunks for all."""

    def __init__(self, problem, algorithm, steps, **sizes):
        sizes = {"chunk_bytes": 1, "mixed_samples": 1, "least_chunks": 1, **sizes}
        super().__init__(problem, algorithm, steps, **sizes)


@pytest.fixture
def small_chunks(monkeypatch):
    """What is asked of the chunked engine by its name is done in small chunks."""
    monkeypatch.setitem(ENGINES, "chunked", SmallChunks)


def both(problem, start, algorithm, steps=12):
    return (
        after(make(problem, algorithm, steps), start, steps) for make in (PlainEngine, SmallChunks)
    )


# 150 samples are a chunk or two, 1000 with the smallest hop are 30 of them, 9001 as many for all
@pytest.mark.parametrize("samples", [150, 1000, pytest.param(9001, marks=pytest.mark.slow)])
@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("kind", KINDS)
def test_equal_to_the_plain_engine(kind, geometry, samples):
    problem, start = problem_of(samples, GEOMETRIES[geometry])
    plain, fast = both(problem, start, KINDS[kind])
    assert (fast - plain).abs().max() < 1e-10 * plain.abs().max()


@pytest.mark.parametrize("name", POINTWISE)
def test_every_algorithm_is_equal_to_the_plain_engine(name):
    problem, start = problem_of(9001, {"hop_length": 50})
    plain, fast = both(problem, start, ALGORITHMS[name]())
    assert (fast - plain).abs().max() < 1e-10 * plain.abs().max()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("longest", [2048, 1990])
@pytest.mark.parametrize("win_length", [256, 150])
def test_ragged_batches(kind, clips, longest, win_length, small_chunks):
    """Also where no item fills all frames."""
    spec = magnitude(clips)
    keywords = {
        "lengths": [longest, 1999, 300, 1850, 1024, 640, 129, 1990], "max_iter": 12, "tol": 0,
        "win_length": win_length, "window": hann(win_length), "hop_length": 64, "verbose": False,
    }  # fmt: skip
    plain, fast = (
        invert(spec, KINDS[kind], backend=b, **keywords).wave for b in ("torch", "chunked")
    )
    assert (fast - plain).abs().max() < 1e-10


@pytest.mark.without_native
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_single_precision(clips, dtype):
    spec = magnitude(clips[[0, 1, 3]]).to(dtype)
    keywords = {"window": torch.hann_window(256), "max_iter": 4, "tol": 0, "verbose": False}
    for name in POINTWISE:
        plain, fast = (
            invert(spec, name, backend=backend, **keywords) for backend in ("torch", "chunked")
        )
        assert fast.wave.dtype == dtype
        difference = plain.history["sc"][-1] - fast.history["sc"][-1]
        assert difference.abs().max() < 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_in_parts(kind):
    """Two runs are one long one, and items go on alone as in a batch."""
    problem, start = problem_of(3000, {})
    engine = SmallChunks(problem, KINDS[kind], 9)
    state = engine.advance(engine.start(start), 4)
    kept, chosen = copy_state(state), torch.tensor([2, 0])
    whole = engine.wave(engine.advance(state, 9))
    parts = engine.wave(engine.advance(engine.advance(copy_state(kept), 6), 9))
    assert torch.equal(whole, parts)
    fewer = engine.select(chosen)
    part = fewer.wave(fewer.advance(select_items(kept, chosen), 9))
    assert (part - whole[chosen]).abs().max() < 1e-12


def test_a_wave_is_not_written_over():
    problem, start = problem_of(3000, {})
    engine = ChunkedEngine(problem, GriffinLim(), 9)
    state = engine.start(start)
    wave = engine.wave(state)
    before = wave.clone()
    engine.advance(state, 3)
    assert torch.equal(wave, before)


@dataclass(frozen=True)
class Remembered(PointwiseAlgorithm):
    """Griffin-Lim a step behind: the estimate itself is the old memory."""

    def begin(self, spectrum, constraint):
        return (spectrum,)

    def rule(self, spectrum, memory, constraint, step):
        return memory[0], (constraint.project(spectrum),)


@pytest.mark.parametrize("algorithm", [Delayed(), Remembered()])
def test_memory_that_is_handed_on(algorithm):
    problem, start = problem_of(4000, {})
    plain, fast = both(problem, start, algorithm, 7)
    assert (fast - plain).abs().max() < 1e-10


@dataclass(frozen=True)
class Odd(Delayed):
    """Keeps what can't be kept in place."""

    memory: tuple = ()

    def begin(self, spectrum, constraint):
        return self.memory

    def rule(self, spectrum, memory, constraint, step):
        return spectrum, (spectrum, spectrum)


@pytest.mark.parametrize("memory", [(), (torch.zeros(3),), (torch.zeros(3, 65, 32),) * 2])
def test_memory_that_is_no_spectrum(memory):
    problem, start = problem_of(1000, {})
    engine = ChunkedEngine(problem, Odd(memory), 5)
    with pytest.raises(SpecInvError, match="backend='torch'"):
        engine.advance(engine.start(start), 1)


@pytest.mark.without_native
def test_which_engine_runs():
    problem, _ = problem_of(1000, {})
    for gradient, expected in ((False, ChunkedEngine), (True, PlainEngine)):
        engine = choose_engine("auto", gradient=gradient)(problem, GriffinLim(), 5)
        assert type(engine) is expected  # float64 is not for the native one
    spec = torch.rand(2, 65, 20, dtype=torch.float64)
    keywords = {"window": hann(128), "max_iter": 3, "verbose": False}
    alpha = torch.tensor(0.9, dtype=torch.float64, requires_grad=True)
    window = hann(128).requires_grad_()
    phase = torch.zeros_like(spec).requires_grad_()
    for extra in ({"alpha": alpha}, {"window": window}, {"init": phase}):
        with pytest.raises(SpecInvError, match="carries no gradient"):
            invert(spec, "griffin_lim", backend="chunked", **{**keywords, **extra})
        assert invert(spec, "griffin_lim", **{**keywords, **extra}).wave.requires_grad
    chain = Chain((GriffinLim(alpha), RAAR(0.9)), (1.0, 1.0))
    assert invert(spec, chain, **keywords).wave.requires_grad
    with torch.no_grad():
        wave = invert(spec, "griffin_lim", backend="chunked", alpha=alpha, **keywords).wave
    assert not wave.requires_grad
    with pytest.raises(SpecInvError, match="Did you mean 'chunked'"):
        invert(spec, backend="chunky", **keywords)
    with pytest.raises(SpecInvError, match="Choose from: auto, native, graph, chunked, torch"):
        invert(spec, backend="fast", **keywords)


@pytest.mark.without_native
def test_the_native_engine_by_its_name(clips):
    """It runs, or says why it can't; what chooses by itself runs in either case."""
    spec, run = magnitude(clips).float(), {"window": torch.hann_window(256), "max_iter": 4}
    chosen = invert(spec, "griffin_lim", verbose=False, **run).wave
    reason = native.missing()
    if reason is None:
        expected = invert(spec, "griffin_lim", backend="native", verbose=False, **run).wave
    else:
        with pytest.raises(SpecInvError, match=re.escape(f"'native' can't run this: {reason}")):
            invert(spec, "griffin_lim", backend="native", verbose=False, **run)
        expected = invert(spec, "griffin_lim", backend="chunked", verbose=False, **run).wave
    assert torch.equal(chosen, expected)


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("items", [1, 2, 5])
@pytest.mark.parametrize(("name", "hop"), [("griffin_lim", 50), ("amdr", 50), ("raar", 2)])
def test_threads_change_nothing_but_the_time(name, hop, items, threads):
    """Segments of one item and of several, whole items, what is left over, overlaps of runs."""
    problem, start = problem_of(9001 if hop > 2 else 700, {"hop_length": hop}, items)

    def run():
        number = torch.get_num_threads()
        engine = SmallChunks(problem, ALGORITHMS[name](), 6)
        wave = after(engine, start, 6)
        assert torch.get_num_threads() == number
        assert engine.threads == number
        return wave

    waves = [with_threads(number, run) for number in (1, threads)]
    assert (waves[0] - waves[1]).abs().max() < 1e-10


def test_a_fault_in_a_thread_is_reported_and_threads_are_as_before():
    before = torch.get_num_threads()
    done = []

    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), worker_threads(3) as team:
        team([lambda: done.append(torch.get_num_threads()), fail, lambda: done.append(1)])
    assert done == [1, 1]
    assert torch.get_num_threads() == before


def test_threads_in_inference_mode(clips, small_chunks):
    run = {"window": hann(256), "max_iter": 3, "verbose": False}

    def fast():
        with torch.inference_mode():
            return invert(magnitude(clips), "griffin_lim", backend="chunked", **run).wave

    plain = invert(magnitude(clips), "griffin_lim", backend="torch", **run).wave
    assert (with_threads(2, fast) - plain).abs().max() < 1e-10


@pytest.mark.parametrize(
    "keywords", [{}, {"lengths": [2048, 1999, 300, 1850, 1024, 640, 129, 1990]}]
)
def test_the_error_in_chunks(clips, keywords, monkeypatch):
    """What the loop says without making a spectrogram is what the metric says of a whole one."""
    monkeypatch.setattr(problem_module, "_frames_at_a_time", lambda wave, n_fft: 3)
    run = {"window": hann(256), "hop_length": 64, "max_iter": 5, "verbose": False, **keywords}
    result = invert(magnitude(clips), "griffin_lim", metric=["sc", "ser"], **run)
    whole = invert(magnitude(clips), "griffin_lim", metric=["sc", "ser", "snr"], **run)
    assert torch.allclose(result.history["sc"], whole.history["sc"], rtol=1e-9)
    assert torch.equal(result.history["sc"], -result.history["ser"])


def test_chunks_that_reach_into_the_next_run_have_sums_of_their_own():
    """Not the last of a run alone: with a small hop a frame reaches over several chunks."""
    problem, _ = problem_of(700, {"hop_length": 2}, 1)
    overlap = 63
    group = divide(problem, 0, 1, 16, 2, overlap, least_chunks=1)
    assert len(group.runs) == 2
    border = group.runs[1][0].frames.start
    for chunk in group.runs[0]:
        assert chunk.overlaps_next_run == (chunk.frames.stop + overlap > border)
    assert sum(chunk.overlaps_next_run for chunk in group.runs[0]) > 1
    assert not any(chunk.overlaps_next_run for chunk in group.runs[1])


def test_teams_at_once_leave_the_threads_as_they_were():
    def teams():
        gate, seen = threading.Barrier(2), []

        def work(first):
            if not first:
                gate.wait()
            with worker_threads(1):
                if first:
                    gate.wait()
                gate.wait()
            gate.wait()

        workers = [threading.Thread(target=work, args=(first,)) for first in (True, False)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        late = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        late.start()
        late.join()
        assert seen == [2]

    with_threads(2, teams)


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
    plain = PlainEngine(problem, algorithm, 12)
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
            engine = PlainEngine(problem, algorithm, 50)
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
    engines = [make(problem, ALGORITHMS[name](), 12) for make in (PlainEngine, GraphEngine)]
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
