"""States in lanes: in parts, item by item, at any level, by any number of threads."""

from __future__ import annotations

import dataclasses
import pickle
import threading

import pytest
import torch

from tests.cases import after, with_threads
from tests.conftest import hann, magnitude
from tests.native_cases import ForLittleWork, native_engine, needs_library, problem_of
from torch_specinv import SpecInvError, invert
from torch_specinv.algorithms import ADMM, AMDR, RAAR, GriffinLim
from torch_specinv.comparing.signals import CLIPS
from torch_specinv.engines import ENGINES, NativeEngine
from torch_specinv.solve.problem import SpectrogramProblem
from torch_specinv.solve.solver import copy_state, select_items

pytestmark = needs_library


@pytest.mark.sanitized
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("algorithm", [GriffinLim(), RAAR(), AMDR(), ADMM()])
def test_in_parts(algorithm, threads):
    """Two runs are one long one, and items go on alone as in a batch."""
    problem, start = problem_of(3000, {})
    engine = native_engine(problem, algorithm, 9, threads=threads)
    state = engine.advance(engine.start(start), 4)
    kept, chosen = copy_state(state), torch.tensor([2, 0])
    whole = engine.wave(engine.advance(state, 9))
    parts = engine.wave(engine.advance(engine.advance(copy_state(kept), 6), 9))
    assert torch.equal(whole, parts)
    fewer = with_threads(threads, lambda: engine.select(chosen))
    assert type(fewer) is type(engine)
    part = fewer.wave(fewer.advance(select_items(kept, chosen), 9))
    assert torch.equal(part, whole[chosen])
    # in another process, with another number of threads
    kept = pickle.loads(pickle.dumps(kept))
    number = 1 if threads == 2 else 2
    other = native_engine(problem, algorithm, 9, threads=number)
    assert other.plan.layout != engine.plan.layout
    before = engine.wave(engine.advance(engine.start(start), 4))
    assert (other.wave(kept) - before).abs().max() < 1e-5 * before.abs().max()
    other = native_engine(problem, algorithm, 9, threads=number)
    assert (other.wave(other.advance(kept, 9)) - whole).abs().max() < 1e-3 * whole.abs().max()


class ManyThreads(ForLittleWork):
    """Takes as few frames as usual."""

    least_filled = NativeEngine.least_filled


@pytest.mark.sanitized
def test_items_that_converge_while_others_go_on(monkeypatch):
    """The layout is chosen for the whole batch, and stays, whatever suits fewer items."""
    monkeypatch.setitem(ENGINES, "native", ManyThreads)
    spec = magnitude(torch.randn(2, 2**13), n_fft=1024, hop_length=32)
    spec[1] = 0
    run = {"hop_length": 32, "window": hann(1024, torch.float32), "verbose": False}
    result = with_threads(
        8, lambda: invert(spec, "griffin_lim", backend="native", max_iter=20, tol=0, **run)
    )
    assert [str(status) for status in result.status] == ["max_iter", "converged"]
    alone = invert(spec[:1], "griffin_lim", backend="native", max_iter=20, tol=0, **run)
    assert (result.wave[0] - alone.wave[0]).abs().max() < 1e-2 * alone.wave.abs().max()


@pytest.mark.sanitized
def test_a_state_of_a_wider_processor():
    problem, start = problem_of(3000, {})
    state = native_engine(problem, GriffinLim(), 9).start(start)
    wider = [torch.zeros(*wave.shape[:3], 32) for wave in state.waves]
    engine = native_engine(problem, GriffinLim(), 9)
    with pytest.raises(SpecInvError, match="registers of 32 floats"):
        engine.wave(dataclasses.replace(state, waves=tuple(wider)))


def test_a_wave_is_not_written_over():
    problem, start = problem_of(3000, {})
    engine = native_engine(problem, GriffinLim(), 9)
    state = engine.start(start)
    wave = engine.wave(state)
    before = wave.clone()
    engine.advance(state, 3)
    assert torch.equal(wave, before)


@pytest.mark.sanitized
@pytest.mark.parametrize("name", ["griffin_lim", "amdr", "raar"])
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("pad_mode", ["reflect", "constant", "circular", "replicate"])
def test_ragged_batches(name, center, pad_mode, clips, monkeypatch):
    """Each item comes out as alone, whatever lies behind its end."""
    monkeypatch.setitem(ENGINES, "native", ForLittleWork)
    waves = clips.float()
    lengths = [2048, 1999, 300, 1850, 1024, 640, 257, 1990]
    stft = {"window": hann(256, torch.float32), "hop_length": 64, "center": center}
    stft["pad_mode"] = pad_mode
    run = {**stft, "max_iter": 3, "tol": 0, "init": "zero", "verbose": False, "backend": "native"}
    spec = magnitude(waves, **stft)
    spec[2] = 7
    both = invert(spec, name, lengths=lengths, **run).wave
    for i, length in enumerate(lengths):
        frames = 1 + (length + (256 if center else 0) - 256) // 64
        alone = invert(spec[i, :, :frames], name, length=length, **run).wave
        assert (both[i, :length] - alone).abs().max() <= 2e-5 * alone.abs().max()
        assert (both[i, length:] == 0).all()


@pytest.mark.sanitized
@pytest.mark.parametrize("algorithm", [GriffinLim(), RAAR(), AMDR(), ADMM()])
def test_silence_and_extreme_levels(algorithm):
    problem, start = problem_of(3000, {})
    engine = native_engine(problem, algorithm, 9)
    usual = after(engine, start, 9)
    silent = SpectrogramProblem.from_magnitude(torch.zeros_like(problem.target), problem.stft)
    engine = native_engine(silent, algorithm, 9)
    assert (engine.wave(engine.advance(engine.start(0 * start), 9)) == 0).all()
    for level in (1e-38, 1e-30, 1e30):
        scaled = SpectrogramProblem.from_magnitude(problem.target * level, problem.stft)
        engine = native_engine(scaled, algorithm, 9)
        again = torch.polar(scaled.target, start.angle())
        wave = engine.wave(engine.advance(engine.start(again), 9))
        assert torch.isfinite(wave).all()
        if level > 1e-38:  # there the magnitude itself loses digits
            assert (
                wave * scaled.scale[:, 0] / level - usual
            ).abs().max() < 0.02 * usual.abs().max()
    # bins so faint that their squares are no numbers any more
    faint = problem.target.clone()
    faint[:, ::2] *= 1e-30
    some = SpectrogramProblem.from_magnitude(faint, problem.stft)
    engine = native_engine(some, algorithm, 9)
    wave = engine.wave(engine.advance(engine.start(torch.polar(faint, start.angle())), 9))
    assert torch.isfinite(wave).all()


def test_another_default_dtype():
    spec, run = magnitude(CLIPS["speech"](sr=8000, seconds=0.5)), {"max_iter": 4, "verbose": False}
    run |= {"window": hann(256, torch.float32), "backend": "native"}
    usual = invert(spec, "amdr", **run).wave
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.equal(invert(spec, "amdr", **run).wave, usual)
    finally:
        torch.set_default_dtype(before)


@pytest.mark.sanitized
def test_two_at_once():
    """Nothing is shared between calls: each thread of Python gets what it would get alone."""
    problem, start = problem_of(9001, {})
    engines = [native_engine(problem, AMDR(), 40, threads=n) for n in (1, 2, 3)]
    alone = [engine.wave(engine.advance(engine.start(start), 40)) for engine in engines]
    found = {}

    def work(i):
        engine = ForLittleWork(problem, AMDR(), 40, engines[i].plan.layout)
        found[i] = engine.wave(engine.advance(engine.start(start), 40))

    workers = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert all(torch.equal(found[i], alone[i]) for i in range(3))


@pytest.mark.parametrize("name", ["griffin_lim", "raar", "amdr"])
def test_deterministic_results_do_not_depend_on_threads(name, clips, monkeypatch):
    """Nor on the batch; without the setting threads add up in another order."""
    monkeypatch.setattr(NativeEngine, "frames_per_thread", 5)
    spec = magnitude(clips[:3].repeat(1, 4)).float()

    def run(threads, values):
        return with_threads(
            threads,
            lambda: (
                invert(
                    values,
                    name,
                    max_iter=20,
                    window=torch.hann_window(256),
                    verbose=False,
                    init="zero",
                ).wave
            ),
        )

    torch.use_deterministic_algorithms(True)
    try:
        waves = [run(threads, spec) for threads in (1, 2, 3)]
        alone = torch.stack([run(2, item) for item in spec])
    finally:
        torch.use_deterministic_algorithms(False)
    assert torch.equal(waves[0], waves[1])
    assert torch.equal(waves[0], waves[2])
    assert torch.equal(waves[0], alone)
    assert not torch.equal(run(1, spec[0]), run(2, spec[0]))
