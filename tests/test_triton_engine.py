"""The kernels of triton: interpreted beside the plain engine, compiled, and on a real device."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.cases import Delayed, after, problem_of
from tests.conftest import hann, magnitude
from torch_specinv import invert
from torch_specinv.algorithms import ADMM, AGLA, AMDR, RAAR, DifferenceMap, GriffinLim
from torch_specinv.constraints import Bands
from torch_specinv.engines import TorchEngine, TritonEngine
from torch_specinv.engines.triton_plan import numbers_of
from torch_specinv.solve.problem import SpectrogramProblem
from torch_specinv.solve.recorded import KEPT
from torch_specinv.transform.stft import STFT

RULES = ("griffin_lim", "without momentum", "admm", "raar", "amdr", "amdr, at once",
         "difference_map", "all numbers")  # fmt: skip
SHAPES = ("hop does not divide", "factors of 3, 5 and 7", "odd half", "short window",
          "window at the start", "not centred", "constant, normalized", "half overlapping",
          "ragged", "in pieces", "resumed")  # fmt: skip


def ask(module, *cases):
    done = subprocess.run(
        [sys.executable, "-m", f"tests.device.{module}", *cases],
        capture_output=True, text=True, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = dict(map(json.loads, done.stdout.splitlines()))
    assert found.keys() >= set(cases)
    return found


def test_interpreted_kernels_are_the_plain_engine():
    """In single precision, after three iterations: a few roundings apart."""
    found = ask(
        "interpreted", "griffin_lim | resumed", "all numbers | ragged", "without momentum | ragged"
    )
    assert max(found.values()) < 1e-5, found


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
def test_every_rule_interpreted(rule):
    assert max(ask("interpreted", f"{rule} | usual").values()) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_interpreted(shape):
    found = ask(
        "interpreted",
        *(f"{x} | {shape}" for x in ("griffin_lim", "all numbers", "without momentum")),
    )
    assert max(found.values()) < 1e-5, found


@pytest.mark.slow
def test_kernels_compile_without_spilling():
    """For an A100 and an H100, by the compiler alone: the interpreter takes what it refuses."""
    found = ask("compiled")
    assert len(found) > 50
    for name, use in found.items():
        assert use["spilled"] == 0, name
        assert use["registers"] <= 200, (name, use)


def reason(problem, rule=GriffinLim(), **changes):  # noqa: B008
    return TritonEngine.obstacle(replace(problem, **changes), rule, 9)


def test_what_it_does_not_take(monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "1")  # then the device is any
    problem, _ = problem_of(2000, {}, dtype=torch.float32)
    assert reason(problem) is None
    assert TritonEngine.missing() is None
    for rule in (ADMM(), AMDR(), RAAR(), DifferenceMap()):
        assert reason(problem, rule) is None
    assert "rule" in reason(problem, AGLA())
    assert "rule" in reason(problem, Delayed())
    assert "rule" in reason(problem, DifferenceMap(-0.8))
    assert "tensors" in reason(problem, GriffinLim(torch.tensor(0.5)))
    assert "float64" in reason(problem_of(2000, {})[0])
    bands = Bands.of(torch.rand(3, 9, problem.target.shape[-1]), torch.rand(9, 65))
    assert "Bands" in reason(problem, known=bands)
    for keywords, word in (
        ({"pad_mode": "circular"}, "circular"),
        ({"onesided": False}, "one-sided"),
        ({"n_fft": 127, "window": hann(127)}, "127"),
        ({"n_fft": 22, "hop_length": 5, "window": hann(22)}, "22"),
    ):
        assert word in reason(problem_of(2000, keywords, dtype=torch.float32)[0]), word
    monkeypatch.delenv("TRITON_INTERPRET")
    assert "needs a CUDA device, but spec is on cpu" in reason(problem)


def test_it_is_said_why_it_is_not_here(monkeypatch):
    import torch_specinv.engines.triton_engine as module
    from torch_specinv.config import describe

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "no, as it needs a CUDA device" in describe().partition("triton ")[2].splitlines()[1]
    monkeypatch.setattr(module, "_has_triton", lambda: False)
    assert "package triton is not installed" in describe()


def test_the_table_has_the_numbers_of_each_iteration():
    rows, momentum, remembers = numbers_of(AMDR(), 30)
    assert (len(rows), momentum, remembers) == (30, False, True)
    rows, momentum, remembers = numbers_of(GriffinLim(0.3), 5)
    assert (rows, momentum, remembers) == ([[0.3]] * 5, True, False)
    assert numbers_of(RAAR(), 5)[1:] == (False, False)


def on_device(samples, keywords, items=3):
    problem, start = problem_of(samples, keywords, items, torch.float32)
    g = problem.stft.geometry
    stft = STFT(replace(g, window=g.window.cuda()))
    return SpectrogramProblem.from_magnitude(problem.target.cuda(), stft), start.cuda()


@pytest.mark.gpu
@pytest.mark.parametrize("rule", [GriffinLim(), ADMM(0.3), RAAR(), AMDR(), DifferenceMap()])
@pytest.mark.parametrize(
    "keywords",
    [
        {},
        {"n_fft": 1024, "hop_length": 256, "window": hann(1024)},
        {"n_fft": 882, "hop_length": 220, "window": hann(882)},
        {"n_fft": 4096, "hop_length": 700, "window": hann(4096)},
        {"center": False, "window": 0.5 + hann(128)},
        {"pad_mode": "constant", "normalized": True},
    ],
)
def test_on_a_device(rule, keywords):
    problem, start = on_device(20_001, keywords)
    engines = [engine(problem, rule, 40) for engine in (TorchEngine, TritonEngine)]
    assert TritonEngine.obstacle(problem, rule, 40) is None
    plain, kernels = (after(engine, start, 6) for engine in engines)
    assert not engines[1].failed
    assert (kernels - plain).abs().max() < 1e-3 * plain.abs().max()


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["griffin_lim", "admm", "raar", "amdr", "difference_map", "auto"])
def test_inversions_on_a_device(clips, name):
    KEPT.clear()
    spec, window = magnitude(clips).float().cuda(), hann(256).float().cuda()
    for more in ({}, {"lengths": [2048, 2000, 1800, 1500, 2048, 1000, 700, 2047]}):
        settings = {"max_iter": 60, "window": window, "verbose": False, **more}
        plain, kernels, again = (
            invert(spec, name, backend=backend, **settings) for backend in ("torch", "auto", "auto")
        )
        # rounding makes other waves of most methods, equally good in the mean
        a, b = plain.history["sc"][-1], kernels.history["sc"][-1]
        assert (a - b)[a > -80].abs().median() < (0.1 if name == "griffin_lim" else 1.5)
        assert torch.equal(kernels.wave, again.wave)
        assert bool((kernels.wave[2] == 0).all())
