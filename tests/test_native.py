"""The native engine: against numpy, against the plain engine, and in adversity."""

from __future__ import annotations

import _ctypes
import dataclasses
import pickle
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import cases
from tests.cases import GEOMETRIES, POINTWISE, after, of_type, with_threads
from tests.conftest import hann, magnitude
from torch_specinv import PointwiseAlgorithm, SpecInvError, invert, native, show_config
from torch_specinv import engines as engines_module
from torch_specinv.algorithms import ADMM, AMDR, RAAR, GriffinLim
from torch_specinv.comparing.signals import CLIPS
from torch_specinv.engines import (
    ChunkedEngine,
    NativeEngine,
    PlainEngine,
    choose_engine,
)
from torch_specinv.engines import native as engine_module
from torch_specinv.native import NativePlan, Rule, library
from torch_specinv.native import plan as plan_module
from torch_specinv.solve import ALGORITHMS, Momentum, Step
from torch_specinv.solve.problem import SpectrogramProblem
from torch_specinv.solve.solver import copy_state, select_items
from torch_specinv.transform.stft import STFT

pytestmark = pytest.mark.skipif(bool(native.missing()), reason=str(native.missing()))

WIDTHS = () if native.missing() else native.widths()
RULES = [name for name in POINTWISE if ALGORITHMS[name]().coefficients(Step(0, 9)) is not None]
FITTING = {
    name: geometry
    for name, geometry in GEOMETRIES.items()
    if geometry.get("n_fft", 128) % 2 == 0 and geometry.get("onesided", True)
} | {
    "normalized": {"normalized": True},
    "hop of most of the window": {"hop_length": 96, "window": 0.1 + hann(128)},
    "much shorter window, not centred": {
        "win_length": 48,
        "hop_length": 12,
        "window": hann(48),
        "center": False,
    },
    "late window, circular": {
        "window": torch.cat([torch.zeros(80, dtype=torch.float64), 0.1 + hann(48)]),
        "hop_length": 8,
        "pad_mode": "circular",
    },
    "early window": {
        "window": torch.cat([0.1 + hann(48), torch.zeros(80, dtype=torch.float64)]),
        "hop_length": 8,
        "center": False,
    },
    "window with gaps and signs": {
        "window": (hann(128) + 0.1) * torch.tensor([1.0, -1.0, 0.5, 0.0]).double().repeat(32),
        "hop_length": 31,
    },
    "factors 3 and 5": {"n_fft": 90, "window": hann(90), "hop_length": 30},
    "factors 2 and 5": {"n_fft": 50, "window": hann(50), "hop_length": 11},
}


@pytest.fixture(autouse=True)
def anything_goes(monkeypatch):
    """A few frames in many lanes, and threads with next to nothing to do."""
    monkeypatch.setattr(engine_module, "_LEAST_FILLED", 0)
    monkeypatch.setattr("torch_specinv.native.layout._WORTH", 0.01)


def native_engine(problem, algorithm, steps, width=None, threads=1):
    def make():
        with pytest.MonkeyPatch.context() as patch:
            if width:
                patch.setattr(engine_module, "widths", lambda: (width,))
            return NativeEngine(problem, algorithm, steps)

    return with_threads(threads, make)


problem_of = partial(cases.problem_of, dtype=torch.float32)


def numpy_trip(wave, target, *, n_fft, hop, window, padding, mode):
    """One iteration of Griffin-Lim in float64, with least squares as a matrix equation."""
    identity = np.eye(len(wave))
    names = {"reflect": "reflect", "constant": "constant", "replicate": "edge", "circular": "wrap"}
    padded = np.stack([np.pad(row, padding, mode=names[mode]) for row in identity], 1)
    frames = (len(padded) - n_fft) // hop + 1
    matrix = np.concatenate(
        [window[:, None] * padded[t * hop : t * hop + n_fft] for t in range(frames)]
    )
    spectrum = np.fft.rfft((matrix @ wave).reshape(frames, n_fft))
    estimate = np.fft.irfft(target * spectrum / np.abs(spectrum), n_fft)
    return np.linalg.lstsq(matrix, estimate.ravel(), rcond=1e-9)[0], np.linalg.cond(matrix)


@pytest.mark.sanitized
@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.data())
def test_one_pass_against_numpy(data):
    one_pass_against_numpy(data)


@pytest.mark.slow
@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.data())
def test_many_passes_against_numpy(data):
    one_pass_against_numpy(data)


def one_pass_against_numpy(data):
    n_fft = data.draw(st.sampled_from([6, 8, 10, 12, 16, 18, 20, 24, 30, 32, 36, 40, 48, 50, 54]))
    win = data.draw(st.integers(max(2, n_fft // 4), n_fft))
    hop = data.draw(st.integers(1, max(1, win // 2)))
    center = data.draw(st.booleans())
    mode = data.draw(st.sampled_from(["reflect", "constant", "replicate", "circular"]))
    samples = n_fft + data.draw(st.integers(1, 120))
    width = data.draw(st.sampled_from(WIDTHS))
    threads = data.draw(st.integers(1, 3))
    window = 0.2 + hann(win)
    generator = torch.Generator().manual_seed(0)
    wave = torch.randn(2, samples, generator=generator, dtype=torch.float64)
    keywords = {"n_fft": n_fft, "hop_length": hop, "win_length": win, "center": center}
    exact = STFT.of_wave(wave, window=window, pad_mode=mode, **keywords)
    spectrum = exact.analyse(wave)
    target = spectrum.abs() * (1 + 0.5 * torch.rand(spectrum.shape, generator=generator))
    problem = SpectrogramProblem.from_magnitude(target.float(), of_type(exact, torch.float32))
    start = torch.polar(problem.target, spectrum.angle().float())
    engine = native_engine(problem, GriffinLim(), 3, width, threads)
    state = engine.start(start)
    # not engine.wave, which takes clicks out where samples are hardly seen
    begin = engine.plan.unpack(state.waves[0]).double().numpy()
    found = engine.plan.unpack(engine.advance(state, 1).waves[0]).double().numpy()
    for i in range(2):
        expected, condition = numpy_trip(
            begin[i],
            problem.target[i].T.double().numpy(),
            n_fft=n_fft,
            hop=hop,
            window=exact.geometry.window.numpy(),
            padding=n_fft // 2 if center else 0,
            mode=mode,
        )
        if condition > 1e6:
            continue  # samples that no frame sees
        error = np.abs(found[i] - expected).max() / np.abs(expected).max()
        assert error < 2e-6 * max(1, condition / 4)


def compare_with_plain_engine(algorithm, geometry, samples, width):
    """After some iterations as far from float64 as the plain engine in float32 is, about."""
    keywords = FITTING[geometry]
    exact, start = problem_of(samples, keywords, dtype=torch.float64)
    rounded, begin = problem_of(samples, keywords)
    expected = after(PlainEngine(exact, algorithm, 6), start, 6)
    peak = expected.abs().max()
    engines = (
        PlainEngine(rounded, algorithm, 6),
        native_engine(rounded, algorithm, 6, width, threads=1 + samples % 3),
    )
    errors = [(after(engine, begin, 6) - expected).abs().max() / peak for engine in engines]
    assert errors[1] < 5e-6 + 20 * errors[0]
    assert errors[1] < 1e-2


# Rules are carried out bin by bin, so a geometry is tried with frames that take turns and without.
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
        NativePlan, "run", lambda self, rule, *rest: ran.add(rule) or run(self, rule, *rest)
    )
    problem, start = problem_of(1000, {})
    for name in RULES:
        engine = native_engine(problem, ALGORITHMS[name](), 3)
        engine.evaluate(engine.advance(engine.start(start), 3))
    assert ran == set(Rule)


@pytest.mark.parametrize("name", POINTWISE)
def test_what_is_native(name):
    """What says its rule in numbers, with its defaults; tensors may carry gradients."""
    problem, _ = problem_of(3000, {})
    kind = ALGORITHMS[name]
    told = kind.coefficients is not PointwiseAlgorithm.coefficients
    assert (NativeEngine.obstacle(problem, kind(), 9) is None) == told
    for field in dataclasses.fields(kind):
        if "Tensor" in str(field.type):
            algorithm = kind(**{field.name: torch.tensor(0.9 * field.default)})
            reason = NativeEngine.obstacle(problem, algorithm, 9)
            assert re.search("has tensors|does not know the rule", reason)


def test_rules_that_are_no_numbers():
    problem, _ = problem_of(3000, {})
    for algorithm, reason in (
        (GriffinLim(torch.tensor(0.9)), "has tensors"),
        (RAAR(torch.tensor(0.9)), "has tensors"),
        (ALGORITHMS["difference_map"](beta=0.7), "does not know the rule"),
        (ALGORITHMS["agla"](), "does not know the rule"),
    ):
        assert reason in NativeEngine.obstacle(problem, algorithm, 9)


def test_a_changed_rule_is_not_taken_for_its_parent():
    class Changed(GriffinLim):
        def mix(self, wave, past, step):
            return wave, past

    problem, _ = problem_of(1000, {})
    assert "does not know the rule" in NativeEngine.obstacle(problem, Changed(), 9)
    make = choose_engine("auto", gradient=False)
    assert isinstance(make(problem, Changed(), 9), ChunkedEngine)


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
def test_items_that_converge_while_others_go_on(monkeypatch):
    """The layout is chosen for the whole batch, and stays, whatever suits fewer items."""
    monkeypatch.setattr(engine_module, "_LEAST_FILLED", 0.25)
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
    plain, engine = PlainEngine(exact, Warm(), 6), native_engine(rounded, Warm(), 6)
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
def test_ragged_batches(name, center, pad_mode, clips):
    """Each item comes out as alone, whatever lies behind its end."""
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
        engine = NativeEngine(problem, AMDR(), 40, engines[i].plan.layout)
        found[i] = engine.wave(engine.advance(engine.start(start), 40))

    workers = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert all(torch.equal(found[i], alone[i]) for i in range(3))


def test_ctrl_c():
    """A key is heard while native code is at work, and nothing more is done."""
    code = """
import signal, torch, torch_specinv
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background ignores it
spec = torch.rand(513, 400)
print("go", flush=True)
try:
    torch_specinv.invert(spec, "griffin_lim", backend="native", max_iter=10**6, eva_iter=10**6,
                         tol=0, window=torch.hann_window(1024), init="zero", verbose=False)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "go\n"
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)  # minutes if it were not heard
    finally:
        process.kill()
    assert out == "interrupted\n"


def test_which_engine_runs(monkeypatch):
    spec = torch.rand(2, 65, 30)
    cases = {
        "float32 on a CPU, not torch.float64": {"spec": spec.double()},
        "one-sided": {"spec": torch.rand(2, 128, 30), "onesided": False},
        "even n_fft without prime factors above 5, not 134": {"spec": torch.rand(2, 68, 30)},
        "even n_fft without prime factors above 5, not 135": {
            "spec": torch.rand(2, 68, 30), "n_fft": 135,
        },
        "GriffinLim.* has tensors": {"alpha": torch.tensor(0.9)},
        "not Bands": {"mel": torch.rand(65, 129), "n_fft": 256},
    }  # fmt: skip
    for cause, keywords in cases.items():
        target = keywords.pop("spec", spec)
        n_fft = keywords.get("n_fft", 2 * (target.shape[1] - 1))
        n_fft = target.shape[1] if "onesided" in keywords else n_fft
        run = {"window": hann(n_fft, torch.float32), "max_iter": 2, "verbose": False, **keywords}
        with pytest.raises(SpecInvError, match=cause):
            invert(target, "griffin_lim", backend="native", **run)
        invert(target, "griffin_lim", **run)
    monkeypatch.setattr(engine_module, "_LEAST_FILLED", 0.25)
    run = {"window": hann(128, torch.float32), "hop_length": 8, "max_iter": 2, "verbose": False}
    with pytest.raises(SpecInvError, match="30 frames are too few for as much overlap"):
        invert(spec, "griffin_lim", backend="native", **run)


def test_automatic_choice(monkeypatch):
    problem, _ = problem_of(3000, {})

    def chosen(algorithm, backend="auto", **keywords):
        return type(choose_engine(backend, gradient=False, **keywords)(problem, algorithm, 9))

    assert chosen(GriffinLim()) is NativeEngine
    assert chosen(ALGORITHMS["agla"]()) is ChunkedEngine
    monkeypatch.setenv(engines_module.VARIABLE, "torch")
    assert chosen(GriffinLim()) is PlainEngine
    assert chosen(GriffinLim(), "native") is NativeEngine
    monkeypatch.setenv(engines_module.VARIABLE, "native")
    assert chosen(GriffinLim()) is NativeEngine
    message = "TORCH_SPECINV_BACKEND=native can't run this: it carries no gradient"
    with pytest.raises(SpecInvError, match=message):
        choose_engine("auto", gradient=True)
    monkeypatch.setenv(engines_module.VARIABLE, "nativ")
    with pytest.raises(SpecInvError, match="Did you mean 'native'"):
        choose_engine("auto", gradient=False)


def test_an_algorithm_is_asked_once_before_the_work_and_once_an_iteration():
    """Not for the numbers of every iteration, of which there may be many."""
    asked = []

    class Counted(RAAR):
        def coefficients(self, step):
            asked.append(step.number)
            return super().coefficients(step)

    problem, start = problem_of(3000, {})
    engine = choose_engine("auto", gradient=False)(problem, Counted(), 100_000)
    assert isinstance(engine, NativeEngine)
    assert asked == [0]
    engine.advance(engine.start(start), 3)
    assert asked[1:] in ([0, 0, 1, 2], [0, 1, 2])


def test_without_the_library(monkeypatch, capsys):
    problem, _ = problem_of(3000, {})
    monkeypatch.setattr(engine_module, "missing", lambda: "it was not built")
    make = choose_engine("auto", gradient=False)
    assert isinstance(make(problem, GriffinLim(), 9), ChunkedEngine)
    with pytest.raises(SpecInvError, match="backend='native' can't run this: it was not built"):
        choose_engine("native", gradient=False)
    show_config()
    assert "here: no, as it was not built" in capsys.readouterr().out


def test_a_library_that_is_broken(tmp_path):
    file = tmp_path / "_lanes.so"
    assert "was not built" in library.missing(file)
    file.write_text("no library")
    # asked anew: what is said of a file is remembered
    assert "can't be loaded" in library.missing.__wrapped__(file)


def test_a_library_of_other_sources():
    class Other:
        def specinv_size(self):
            return 7

    assert library.of_these_sources(library.library())
    assert not library.of_these_sources(Other())
    assert "other sources" in library.missing(Path(_ctypes.__file__))


@pytest.mark.sanitized
@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("terms", lambda x: x + 10**6),
        ("places", lambda x: x - 1),
        ("places", lambda x: x + 10**6),
        ("fillings", lambda x: x + 1),
        ("sums", lambda x: x + 10**6),
        ("ranges", lambda x: x + 5),
    ],
)
def test_tables_that_do_not_fit_are_refused(field, change, monkeypatch):
    """Nothing outside of memory is ever touched, whatever Python might do."""
    problem, _ = problem_of(3000, {})
    right = plan_module.boundary_of

    def wrong(*arguments):
        edges = right(*arguments)
        return dataclasses.replace(edges, **{field: change(getattr(edges, field))})

    monkeypatch.setattr(plan_module, "boundary_of", wrong)
    with pytest.raises(AssertionError, match="do not fit"):
        native_engine(problem, GriffinLim(), 9)


def test_memory_that_is_missing(monkeypatch):
    problem, start = problem_of(3000, {})
    engine = native_engine(problem, GriffinLim(), 9)
    engine.plan._plan.threads = 2**45
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        engine.start(start)


@pytest.mark.sanitized
def test_memory_of_a_rule_that_needs_it_late():
    """Where momentum begins after some iterations, the memory is what it would have been."""

    @dataclasses.dataclass(frozen=True)
    class Late(RAAR):
        def row(self, step):
            return super().row(step)._replace(alpha=0.5 if step.number >= 4 else 0.0)

    exact, start = problem_of(3000, {}, dtype=torch.float64)
    rounded, begin = problem_of(3000, {})
    plain, engine = PlainEngine(exact, Late(), 8), native_engine(rounded, Late(), 8)
    expected = after(plain, start, 8)
    state = engine.advance(engine.start(begin), 4)
    assert len(state.memory) == 1
    wave = engine.wave(engine.advance(state, 8))
    assert (wave - expected).abs().max() < 1e-3 * expected.abs().max()


@pytest.mark.skipif(not (shutil.which("nm") and shutil.which("objdump")), reason="no binutils")
def test_nothing_leaks_out_of_the_library():
    """Older processors run what is outside of the wide builds, and other libraries see nothing."""
    file = str(library.FILE)

    def tool(*command):
        return subprocess.run([*command, file], capture_output=True, text=True, check=True).stdout

    exported = {line.split()[-1] for line in tool("nm", "-D", "--defined-only").splitlines()}
    # what of the standard library was built along is the same everywhere
    own = {name for name in exported if not name.startswith("_Z")}
    calls = ("check", "integrate", "pack", "run", "size", "supports")
    assert own == {f"specinv_{call}" for call in calls}
    if "lanes8" not in tool("nm", "-C"):
        return
    functions = re.split(r"\n\n[0-9a-f]+ ", tool("objdump", "-d", "-C", "--no-show-raw-insn"))
    wide = {
        function.partition("\n")[0] for function in functions if re.search(r"%[yz]mm", function)
    }
    assert wide
    assert all(re.search(r"lanes(8|16)::", name) for name in wide), wide
