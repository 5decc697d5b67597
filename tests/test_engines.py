"""Engines give what "torch" gives, whatever the rule, the geometry and the chunks."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
import torch

from tests.cases import GEOMETRIES, KINDS, POINTWISE, Delayed, SmallChunks, after, problem_of
from tests.conftest import hann, magnitude
from torch_specinv import PointwiseAlgorithm, SpecInvError, invert, native
from torch_specinv.algorithms import RAAR, Chain, GriffinLim
from torch_specinv.constraints import Magnitude
from torch_specinv.engines import ENGINES, ChunkedEngine, TorchEngine, choose_engine
from torch_specinv.engines.partition import divide
from torch_specinv.solve import ALGORITHMS
from torch_specinv.solve.problem import SpectrogramProblem
from torch_specinv.solve.solver import copy_state, select_items
from torch_specinv.transform.stft import STFT


def both(problem, start, algorithm, steps=12):
    return (
        after(make(problem, algorithm, steps), start, steps) for make in (TorchEngine, SmallChunks)
    )


# 150 samples are a chunk or two, 1000 with the smallest hop are 30 of them, 9001 as many for all
@pytest.mark.parametrize("samples", [150, 1000, pytest.param(9001, marks=pytest.mark.slow)])
@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("kind", KINDS)
def test_equal_to_the_engine_torch(kind, geometry, samples):
    problem, start = problem_of(samples, GEOMETRIES[geometry])
    plain, fast = both(problem, start, KINDS[kind])
    assert (fast - plain).abs().max() < 1e-10 * plain.abs().max()


@pytest.mark.parametrize("name", POINTWISE)
def test_every_algorithm_is_equal_to_the_engine_torch(name):
    problem, start = problem_of(9001, {"hop_length": 50})
    plain, fast = both(problem, start, ALGORITHMS[name]())
    assert (fast - plain).abs().max() < 1e-10 * plain.abs().max()


@pytest.mark.parametrize(
    ("name", "apart"), [("griffin_lim", 1e-4), ("admm", None), ("amdr", None), ("auto", None)]
)
def test_engines_are_equally_near_where_rounding_is_magnified(name, apart, speech):
    """As docs/speed.md says: the waves may differ, their spectral convergence hardly does."""
    spec = magnitude(speech[:4000]).float()
    found = [
        invert(spec, name, max_iter=60, tol=0, backend=engine, window=hann(256).float(),
               init="zero", verbose=False)
        for engine in ("torch", "chunked", "native")
        if native.missing() is None or engine != "native"
    ]  # fmt: skip
    nearness = [float(result.history["sc"][-1]) for result in found]
    assert max(nearness) - min(nearness) < 1
    if apart is not None:
        for result in found:
            assert (result.wave - found[0].wave).abs().max() < apart * found[0].wave.abs().max()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("longest", [2048, 1990])
@pytest.mark.parametrize("win_length", [256, 150])
def test_ragged_batches(kind, clips, longest, win_length, monkeypatch):
    """Also where no item fills all frames."""
    monkeypatch.setitem(ENGINES, "chunked", SmallChunks)
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
    for gradient, expected in ((False, ChunkedEngine), (True, TorchEngine)):
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
    with pytest.raises(
        SpecInvError, match="Choose from: auto, native, triton, graph, chunked, torch"
    ):
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


@pytest.mark.parametrize(
    "keywords", [{}, {"lengths": [2048, 1999, 300, 1850, 1024, 640, 129, 1990]}]
)
def test_the_error_in_chunks(clips, keywords):
    """What the loop says without making a spectrogram is what the metric says of a whole one."""
    spec = magnitude(clips, hop_length=4)  # several chunks
    run = {"window": hann(256), "hop_length": 4, "max_iter": 5, "verbose": False, **keywords}
    result = invert(spec, "griffin_lim", metric=["sc", "ser"], **run)
    whole = invert(spec, "griffin_lim", metric=["sc", "ser", "snr"], **run)
    assert torch.allclose(result.history["sc"], whole.history["sc"], rtol=1e-9)
    assert torch.equal(result.history["sc"], -result.history["ser"])


def test_the_error_is_added_up_over_all_frames(clips):
    seen = []

    class Watched(Magnitude):
        def of_frames(self, frames):
            seen.append(frames)
            return super().of_frames(frames)

    spec = magnitude(clips, hop_length=4)
    stft = STFT.of(spec, hop_length=4, window=hann(256))
    problem = SpectrogramProblem.of(Watched(spec), stft)
    wave = torch.randn(clips.shape, dtype=clips.dtype)
    error = problem.error(wave, None)
    assert torch.allclose(error, problem.error(wave, problem.observe(wave)), rtol=1e-9)
    assert len(seen) > 2
    frames = torch.cat([torch.arange(spec.shape[-1])[part] for part in seen])
    assert torch.equal(frames, torch.arange(spec.shape[-1]))


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
