"""Sums over bins in the native engine: against a dense formula, and against the other engines."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.band_cases import BANKS, SLANEY, problem_of
from tests.cases import after, of_type
from tests.conftest import hann
from tests.native_cases import FITTING, RULES, WIDTHS, ForLittleWork, native_engine, needs_library
from torch_specinv import SpecInvError, invert, mel_to_audio
from torch_specinv.algorithms import ADMM, AMDR, RAAR, GriffinLim
from torch_specinv.constraints import Bands
from torch_specinv.engines import ENGINES, ChunkedEngine, NativeEngine, TorchEngine, choose_engine
from torch_specinv.inexact.ratio_solver import RatioSolver, Treatment
from torch_specinv.mel import MelSpec, named_preset
from torch_specinv.solve import ALGORITHMS
from torch_specinv.solve.problem import SpectrogramProblem
from torch_specinv.solve.solver import copy_state, select_items
from torch_specinv.transform.stft import STFT

pytestmark = needs_library


def compare_with_plain_engine(algorithm, samples, width, **about):
    """After some iterations as far from float64 as the engine "torch" in float32 is, about."""
    exact, start = problem_of(samples, dtype=torch.float64, **about)
    rounded, begin = problem_of(samples, **about)
    expected = after(TorchEngine(exact, algorithm, 4), start, 4)
    peak = expected.abs().max()
    engines = (
        TorchEngine(rounded, algorithm, 4),
        native_engine(rounded, algorithm, 4, width, threads=1 + samples % 3),
    )
    errors = [(after(engine, begin, 4) - expected).abs().max() / peak for engine in engines]
    assert errors[1] < 5e-6 + 20 * errors[0]
    assert errors[1] < 1e-2


@pytest.mark.sanitized
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize("name", BANKS)
def test_banks(name, power, width):
    compare_with_plain_engine(AMDR(), 1000, width, matrix=BANKS[name], power=power)


@pytest.mark.sanitized
@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize("geometry", [name for name in FITTING if "tiny" not in name])
def test_geometries(geometry, power):
    for algorithm in (GriffinLim(), AMDR()):
        about = {"matrix": None, "power": power, "geometry": geometry}
        compare_with_plain_engine(algorithm, 1000, WIDTHS[0], **about)


@pytest.mark.sanitized
@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize("name", RULES)
def test_every_algorithm(name, power):
    compare_with_plain_engine(ALGORITHMS[name](), 3001, None, power=power)


def numpy_projection(magnitude, target, matrix, power):
    """Magnitudes (bins, frames) that are nearest to given ones and have the sums, in float64."""
    if power == 1:
        lacking = target - matrix @ magnitude
        return np.maximum(magnitude + np.linalg.pinv(matrix, rcond=1e-3) @ lacking, 0)
    quotient = target / np.maximum(matrix @ magnitude**2, 1e-18)
    columns = matrix.sum(0)[:, None]
    mean = np.where(columns > 0, matrix.T @ quotient / np.where(columns > 0, columns, 1), 1)
    return magnitude * np.sqrt(mean)


@pytest.mark.sanitized
@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize("name", BANKS)
def test_one_projection_against_numpy(name, power):
    """Without overlap an iteration is the projection and nothing else."""
    generator = torch.Generator().manual_seed(3)
    wave = torch.randn(2, 128 * 40, dtype=torch.float64, generator=generator)
    exact = STFT.of_wave(wave, n_fft=128, hop_length=128, window=None, center=False)
    spectrum, matrix = exact.analyse(wave), BANKS[name]
    used = matrix.sum(1) > 0
    matrix = matrix[used]
    target = matrix @ spectrum.abs() ** power
    target *= 0.2 + 2 * torch.rand(target.shape, generator=generator)
    target[:, :, 7] = 0
    constraint = Bands.of(target.float(), matrix, power)
    problem = SpectrogramProblem.of(constraint, of_type(exact, torch.float32))
    scale = problem.scale.double().numpy()
    start = (spectrum / problem.scale).to(torch.complex64)
    engine = native_engine(problem, GriffinLim(0.0), 2)
    found = after(engine, start, 1).double()
    magnitude = exact.analyse(found).abs().numpy()
    for i in range(2):
        before = spectrum[i].abs().numpy() / scale[i]
        expected = numpy_projection(
            before, target[i].numpy() / scale[i] ** power, matrix.numpy(), power
        )
        assert (expected == 0).any() or power == 2
        assert np.allclose(magnitude[i], expected, rtol=2e-4, atol=1e-4 * expected.max())


@pytest.mark.sanitized
@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize("algorithm", [GriffinLim(), RAAR(), AMDR(), ADMM()])
def test_the_error_in_lanes(algorithm, power):
    problem, start = problem_of(3000, power=power)
    engine = native_engine(problem, algorithm, 9, threads=2)
    state = engine.start(start)
    for steps in (0, 1, 4):
        state = engine.advance(state, steps)
        wave, error = engine.evaluate(state)
        assert torch.equal(wave, engine.wave(state))
        assert torch.allclose(error, problem.error(wave, None), rtol=1e-4)
        observed, peak = problem.observe(wave), problem.target.max()
        sums, same = engine.observe(state)
        assert torch.allclose(sums, observed, rtol=1e-3, atol=1e-5 * peak)
        assert torch.equal(same, error)


@pytest.mark.sanitized
@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize("algorithm", [GriffinLim(), RAAR(), AMDR(), ADMM()])
def test_in_parts_and_alone(algorithm, power):
    """Two runs are one long one, items go on alone as in a batch, two threads do the same."""
    problem, start = problem_of(3000, power=power)
    engine = native_engine(problem, algorithm, 9)
    state = engine.advance(engine.start(start), 4)
    kept, chosen = copy_state(state), torch.tensor([2, 0])
    whole = engine.wave(engine.advance(state, 9))
    peak = whole.abs().max()
    again = engine.wave(engine.advance(engine.advance(copy_state(kept), 6), 9))
    assert (again - whole).abs().max() < 1e-4 * peak
    fewer = engine.select(chosen)
    part = fewer.wave(fewer.advance(select_items(kept, chosen), 9))
    assert torch.equal(part, whole[chosen])
    for threads in (2, 3):
        other = native_engine(problem, algorithm, 9, threads=threads)
        assert (after(other, start, 9) - whole).abs().max() < 1e-3 * peak
    alone, begin = native_engine(problem.select(chosen), algorithm, 9), start[chosen]
    assert (after(alone, begin, 9) - whole[chosen]).abs().max() < 1e-3 * peak


@pytest.mark.sanitized
@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize("algorithm", [GriffinLim(), AMDR()])
def test_silence_and_faint_sounds(algorithm, power):
    problem, start = problem_of(3000, power=power)
    still = problem.constraint.map_tensors(torch.zeros_like)
    silent = SpectrogramProblem.of(still, problem.stft)
    engine = native_engine(silent, algorithm, 9)
    state = engine.advance(engine.start(0 * start), 5)
    wave, error = engine.evaluate(state)
    assert (wave == 0).all()
    assert (error == 0).all()
    # a spectrum that has to grow from nothing stays nothing, and frames that become silent do
    engine = native_engine(problem, algorithm, 9)
    assert torch.isfinite(after(engine, 0 * start, 5)).all()
    gaps = problem.constraint.map_tensors(lambda x: torch.where(x > x.median(), x, 0))
    with_gaps = SpectrogramProblem.of(gaps, problem.stft)
    found = after(native_engine(with_gaps, algorithm, 9), start, 5)
    assert torch.isfinite(found).all()
    expected = after(ChunkedEngine(with_gaps, algorithm, 9), start, 5)
    assert (found - expected).abs().max() < 0.02 * expected.abs().max()


@pytest.mark.sanitized
def test_one_frame(monkeypatch):
    monkeypatch.setitem(ENGINES, "native", ForLittleWork)
    keywords = {"n_fft": 128, "window": hann(128, torch.float32), "verbose": False, "center": False}
    spec = SLANEY.float() @ torch.rand(65, 1, generator=torch.Generator().manual_seed(0))
    native, chunked = (
        invert(spec, "amdr", mel=SLANEY, backend=name, init="zero", max_iter=5, **keywords).wave
        for name in ("native", "chunked")
    )
    assert (native - chunked).abs().max() < 1e-4 * chunked.abs().max()


@pytest.mark.sanitized
@pytest.mark.parametrize("power", [1.0, 2.0])
def test_ragged_batches(power, clips, monkeypatch):
    """Each item comes out as alone, whatever lies behind its end."""
    monkeypatch.setitem(ENGINES, "native", ForLittleWork)
    lengths = [2048, 1999, 300, 1850, 1024, 640, 257, 1990]
    stft = {"n_fft": 256, "window": hann(256, torch.float32), "hop_length": 64}
    mel = MelSpec(8000, power=power)
    run = {**stft, "max_iter": 3, "tol": 0, "init": "zero", "verbose": False, "backend": "native"}
    spec = mel.record(STFT.of_wave(clips.float(), **stft)(clips.float()), 20)
    spec[2] = 0.5
    both = invert(spec, "amdr", mel=mel, lengths=lengths, **run).wave
    for i, length in enumerate(lengths):
        part = spec[i, :, : 1 + length // 64]
        alone = invert(part, "amdr", mel=mel, length=length, **run).wave
        assert (both[i, :length] - alone).abs().max() <= 1e-4 * alone.abs().max()
        assert (both[i, length:] == 0).all()


def test_what_is_taken():
    problem, _ = problem_of(3000)
    assert type(choose_engine("auto", gradient=False)(problem, AMDR(), 9)) is NativeEngine
    for reason, about in (
        ("not of powers 1.5", {"power": 1.5}),
        ("in few bands each, not in 40", {"matrix": torch.rand(40, 65, dtype=torch.float64)}),
    ):
        problem = problem_of(1000, **about)[0]
        assert reason in NativeEngine.obstacle(problem, AMDR(), 9)
        assert type(choose_engine("auto", gradient=False)(problem, AMDR(), 9)) is ChunkedEngine
        with pytest.raises(SpecInvError, match=reason):
            choose_engine("native", gradient=False)(problem, AMDR(), 9)


@pytest.mark.parametrize("preset", ["hifigan", "whisper"])
def test_the_default_of_mel_to_audio_is_native(preset, monkeypatch):
    ran = []
    advance = NativeEngine.advance
    monkeypatch.setattr(NativeEngine, "advance", lambda *a: ran.append(1) or advance(*a))
    wave = torch.randn(8000, generator=torch.manual_seed(0)) / 10
    mel_to_audio(named_preset(preset).record(wave), preset=preset, max_iter=3, verbose=False)
    assert ran


@pytest.mark.sanitized
@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize("geometry", ["usual", "not centred", "hop does not divide"])
def test_ratios_of_sums(geometry, power):
    """What inexact bands are followed by is the same in lanes."""
    problem, start = problem_of(3000, None, power, geometry)
    widths = torch.tensor([0.7, 0.0, 1.0])
    treatment = Treatment(widths, widths, torch.tensor([False, False, True]))
    plain = RatioSolver(problem, 5)
    quick = RatioSolver(problem, 5, native_engine(problem, GriffinLim(), 5, threads=2))
    expected = plain.advance(plain.start_with(start, treatment), 5).wave
    state = quick.advance(quick.start_with(start, treatment), 2)
    found = quick.advance(state, 5).wave
    assert (found - expected).abs().max() < 1e-4 * expected.abs().max()
    items = torch.tensor([2, 0])
    fewer = quick.select(items).advance(select_items(state, items), 5).wave
    assert (fewer - expected[items]).abs().max() < 1e-4 * expected.abs().max()
