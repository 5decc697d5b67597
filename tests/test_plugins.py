"""What a user's functions and classes return is checked, and can't change what is not theirs."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.plugin_cases import REAL, RUN, WRONG, in_numpy, spec_of
from torch_specinv import (
    STFT,
    GriffinLim,
    SpecInvError,
    invert,
    phase_init,
    register,
    register_phase,
)
from torch_specinv.comparing.degrade import (
    DEGRADATIONS,
    Degradation,
    Given,
    Recording,
    register_degradation,
)
from torch_specinv.metrics import METRICS, register_metric
from torch_specinv.online import OnlineInverter
from torch_specinv.phase import PHASES
from torch_specinv.solve import ALGORITHMS


@pytest.fixture
def phase():
    """Registers phases as "mine", for one test."""
    yield lambda function: (PHASES.pop("mine", None) and None) or register_phase("mine")(function)
    PHASES.pop("mine", None)


@pytest.mark.parametrize("fault", REAL)
@pytest.mark.parametrize("onesided", [True, False])
def test_phases(phase, fault, onesided):
    wrong, message = REAL[fault]
    phase(lambda magnitude, stft, generator: wrong(magnitude))
    spec = spec_of()
    if not onesided:
        spec = torch.cat([spec, spec[:, 1:-1].flip(1)], 1)
    with pytest.raises(SpecInvError, match=f"init 'mine' returned .*{message}"):
        invert(spec, "griffin_lim", init="mine", onesided=onesided, **RUN)


@pytest.mark.parametrize("items", [1, 3, 8, 40])
def test_a_phase_with_a_dimension_too_many_touches_no_memory(phase, items):
    phase(lambda magnitude, stft, generator: torch.zeros(2, *magnitude.shape))
    with pytest.raises(SpecInvError, match="init 'mine' returned shape"):
        invert(torch.rand(items, 33, 200), "griffin_lim", init="mine", **RUN)
    with pytest.raises(SpecInvError, match="init 'mine' returned shape"):
        phase_init(torch.rand(items, 33, 200), method="mine", window=RUN["window"])


def zero_the_window(magnitude, stft):
    stft.geometry.window.zero_()
    stft.gain.fill_(9)


@pytest.mark.parametrize(
    "write",
    [
        lambda magnitude, stft: magnitude.mul_(0),
        lambda magnitude, stft: in_numpy(magnitude),
        lambda magnitude, stft: zero_the_window(magnitude, stft),
    ],
)
def test_phases_that_write_into_what_they_get(phase, write):
    def mine(magnitude, stft, generator):
        write(magnitude, stft)
        return torch.zeros(magnitude.shape, dtype=torch.float64)

    phase(mine)
    spec = spec_of()
    before, window = spec.clone(), RUN["window"].clone()
    for _ in range(2):  # the transform is kept
        wave = invert(spec, "griffin_lim", init="mine", **RUN).wave
    assert torch.equal(wave, invert(spec, "griffin_lim", init="zero", **RUN).wave)
    assert torch.equal(spec, before)
    assert torch.equal(RUN["window"], window)


def test_what_is_raised_names_the_function(phase):
    def mine(magnitude, stft, generator):
        raise ZeroDivisionError

    phase(mine)
    with pytest.raises(ZeroDivisionError) as caught:
        invert(spec_of(), init="mine", algorithm="griffin_lim", **RUN)
    assert caught.value.__notes__ == ["This was raised by init 'mine'."]


def test_a_phase_that_inverts(phase):
    phase(lambda m, stft, generator: stft.analyse(
        invert(m, "griffin_lim", init="zero", **RUN).wave).angle())  # fmt: skip
    again = invert(spec_of(), "griffin_lim", init="mine", **RUN)
    assert torch.isfinite(again.wave).all()


@pytest.mark.parametrize("fault", ["None", "number", "numpy", "0-d", "whole numbers", "meta"])
def test_metrics(fault):
    wrong, message = WRONG[fault]
    register_metric("mine")(lambda x, y: wrong((x - y).abs().amax((-2, -1))))
    try:
        with pytest.raises(SpecInvError, match=f"metric 'mine' returned .*{message}"):
            invert(spec_of(), "griffin_lim", metric="mine", **RUN)
    finally:
        METRICS.pop("mine")


def test_metrics_and_callbacks_that_write_into_what_they_get():
    def mine(x, y):
        x.zero_()
        y.zero_()
        return torch.zeros(len(x))

    def look(report):
        report.wave.zero_()
        for values in report.metrics.values():
            values.fill_(9)
        report.metrics.clear()

    run = {**RUN, "tol": 0}
    plain = invert(spec_of(), "griffin_lim", **run)
    found = invert(spec_of(), "griffin_lim", metric=["sc", mine], callback=look, **run)
    assert torch.allclose(found.wave, plain.wave, atol=1e-6)
    assert torch.allclose(found.history["sc"], plain.history["sc"], atol=1e-3)


@pytest.mark.parametrize(
    "answer", [math.nan, torch.tensor(math.nan), np.zeros(3), torch.zeros(0), np.zeros(0)]
)
def test_answers_of_callbacks(answer):
    with pytest.raises(SpecInvError, match="the callback <lambda> returned"):
        invert(spec_of(), "griffin_lim", callback=lambda report: answer, **RUN)
    for stop in (True, np.bool_(True), torch.tensor([True]), "yes", 1):
        result = invert(spec_of(), "griffin_lim", callback=lambda report, s=stop: s, **RUN)
        assert result.evaluated == (0, 2)


class Guessing:
    past = 0

    def __init__(self, answer):
        self.answer = answer

    def __call__(self, arrival, geometry):
        return self.answer


@pytest.mark.parametrize(
    "answer",
    [None, torch.zeros(33), torch.zeros(1, 33), np.zeros((1, 33)), torch.zeros(1, 5, 33) + 0j],
)
def test_guesses(answer):
    geometry = STFT.of(spec_of(), window=RUN["window"]).geometry
    online = OnlineInverter(
        geometry, look_ahead=1, asymmetric_window=True, max_iter=1,
        algorithm=GriffinLim(0.5), guess=Guessing(answer),
    )  # fmt: skip
    with pytest.raises(SpecInvError, match="guess Guessing returned"):
        online.push(online.begin(1), torch.ones(1, 33), torch.tensor([True]))


@pytest.mark.parametrize(
    "answer",
    [None, torch.ones(3), Given(torch.ones(3)), Given(None), Given(torch.ones(33, 20), 0.0)],
)
def test_degradations(answer):
    register_degradation("mine")(lambda recording, strength, generator: answer)
    wave = torch.randn(608, generator=torch.manual_seed(0))
    recording = Recording(wave, 8000, STFT.of_wave(wave, n_fft=64, window=RUN["window"]))
    try:
        with pytest.raises(SpecInvError, match="degrade 'mine'"):
            Degradation.read("mine")(recording)
    finally:
        DEGRADATIONS.pop("mine")


@pytest.mark.parametrize("decorate", [register_phase, register_metric, register])
def test_what_can_be_registered(decorate):
    for name in (None, 3, ""):
        with pytest.raises(SpecInvError, match="expected a name"):
            decorate(name)(lambda: None)
    with pytest.raises(SpecInvError, match="'mine' is a int: expected a function or a class"):
        decorate("mine")(3)
    assert "mine" not in {*PHASES, *METRICS, *ALGORITHMS}


@pytest.mark.slow
def test_functions_that_return_anything():
    """0 deaths, 0 hangs, 0 results that are not true, 0 errors without a name."""
    file = Path(__file__).parents[1] / "benchmarks" / "fuzz_plugins.py"
    done = subprocess.run(
        [sys.executable, str(file), "1500", "50000"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
