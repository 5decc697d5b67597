"""What a user's functions and classes return is checked, and can't change what is not theirs."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import hann
from torch_specinv import (
    L_BFGS,
    STFT,
    Constraint,
    SpecInvError,
    invert,
    invert_transform,
    phase_init,
    register,
    register_phase,
)
from torch_specinv.algorithms import GriffinLim
from torch_specinv.comparing.degrade import (
    DEGRADATIONS,
    Degradation,
    Given,
    Recording,
    register_degradation,
)
from torch_specinv.constraints import Magnitude
from torch_specinv.metrics import METRICS, register_metric
from torch_specinv.online import OnlineInverter
from torch_specinv.phase import PHASES
from torch_specinv.plugins import guarded, is_foreign
from torch_specinv.solve import ALGORITHMS, Momentum, PointwiseAlgorithm, Solver
from torch_specinv.solve.checked import CheckedRule

RUN = {"window": hann(64, torch.float32), "max_iter": 4, "eva_iter": 2, "verbose": False}
ENGINES = ["torch", "chunked", "auto"]


def spec_of(items=2, dtype=torch.float32):
    return torch.rand(items, 33, 20, generator=torch.manual_seed(0)).to(dtype)


def in_numpy(x):
    """Write where torch does not count."""
    x.detach().numpy()[...] = 0
    return x


#: What is wrong with a tensor of the right shape, and what the message says of it.
WRONG = {
    "None": (lambda x: None, "NoneType: expected a torch.Tensor"),
    "number": (lambda x: 0.0, "float: expected a torch.Tensor"),
    "numpy": (lambda x: x.numpy(), "ndarray: expected a torch.Tensor. Pass it through"),
    "another dimension": (lambda x: torch.stack([x, x]), r"shape \(2, 2, 33, 20\)"),
    "one item": (lambda x: x[:1], r"shape \(1, 33, 20\): expected \(2, 33, 20\)"),
    "no batch": (lambda x: x[0], r"shape \(33, 20\): expected \(2, 33, 20\)"),
    "transposed": (lambda x: x.mT, r"shape \(2, 20, 33\)"),
    "0-d": (lambda x: x.sum(), r"shape \(\)"),
    "whole numbers": (lambda x: torch.zeros(x.shape, dtype=torch.int64), "int64: expected"),
    "meta": (lambda x: x.to("meta"), "on meta: expected cpu"),
    "sparse": (lambda x: x.to_sparse(), "not dense"),
}
REAL = {
    **WRONG,
    "complex": (lambda x: torch.complex(x, x), "complex64: expected real floating numbers"),
    "NaN": (lambda x: x * math.nan, "NaN or infinite"),
    "infinity": (lambda x: x / 0, "NaN or infinite"),
}
COMPLEX = {**WRONG, "real": (lambda x: x.abs(), "float32: expected complex numbers")}


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


@dataclass(frozen=True)
class Mine(PointwiseAlgorithm):
    """Griffin-Lim with a memory; `spoil` changes what a method returns."""

    where: str = ""
    spoil: object = None

    def _of(self, method, value):
        return self.spoil(value) if self.where == method else value

    def begin(self, spectrum, constraint):
        return self._of("begin", (spectrum.clone(),))

    def rule(self, spectrum, memory, constraint, step):
        estimate = constraint.project(spectrum)
        if self.where == "estimate":
            return self.spoil(estimate), (spectrum,)
        return self._of("rule", (estimate, (spectrum,)))

    def remember(self, wave):
        return self._of("remember", (wave.clone(),))

    def mix(self, wave, past, step):
        if self.where == "mixed":
            return self.spoil(wave), (wave,)
        return self._of("mix", (wave, (wave,)))

    def answer(self, memory, constraint):
        return self._of("answer", None if self.where != "answer" else memory[0])


@pytest.mark.parametrize("engine", ENGINES)
def test_a_right_rule_is_not_changed_by_its_checks(engine):
    own = invert(spec_of(), Mine(), init="zero", tol=0, backend=engine, **RUN).wave
    plain = invert(spec_of(), GriffinLim(0.0), init="zero", tol=0, backend="torch", **RUN).wave
    assert (own - plain).abs().max() < 1e-5
    assert type(guarded(Mine(), CheckedRule)).__name__ == "Mine"
    assert guarded(GriffinLim(), CheckedRule) == GriffinLim()
    assert is_foreign(Mine()) and not is_foreign(GriffinLim())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("fault", COMPLEX)
@pytest.mark.parametrize("where", ["estimate", "answer"])
def test_estimates(where, fault, engine):
    if (where, fault) == ("answer", "None"):
        return  # which says that the last estimate is the answer
    wrong, message = COMPLEX[fault]
    method = {"estimate": "rule"}.get(where, where)
    with pytest.raises(SpecInvError, match=f"Mine.{method} returned .*{message}"):
        invert(spec_of(), Mine(where, wrong), init="zero", backend=engine, **RUN)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("where", "wrong", "message"),
    [
        ("begin", lambda x: None, "NoneType: expected a tuple of tensors"),
        ("begin", lambda x: x[0], "Tensor: expected a tuple of tensors"),
        ("begin", lambda x: (None,), "item 0 returned a NoneType"),
        ("begin", lambda x: (x[0][:1],), "shape .*: expected 2 items"),
        ("rule", lambda x: x[0], "Tensor: expected a tensor, and a tuple"),
        ("rule", lambda x: None, "NoneType: expected a tensor, and a tuple"),
        ("rule", lambda x: (x[0], 3), "int: expected a tuple of tensors"),
        ("rule", lambda x: (*x, None), "tuple: expected a tensor, and a tuple"),
        ("remember", lambda x: (x[0].sum(),), "expected 2 items"),
        ("mix", lambda x: x[0], "Tensor: expected a tensor, and a tuple"),
        ("mixed", lambda x: x[:, 1:], "shape .*: expected"),
        ("mixed", lambda x: x.numpy(), "ndarray"),
        ("mixed", lambda x: torch.complex(x, x), "complex64: expected real"),
    ],
)
def test_memories_and_mixtures(where, wrong, message, engine):
    method = {"mixed": "mix"}.get(where, where)
    with pytest.raises(SpecInvError, match=f"Mine.{method}.*{message}"):
        invert(spec_of(), Mine(where, wrong), init="zero", backend=engine, **RUN)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("method", ["memory", "target", "begin", "mix"])
def test_rules_that_write_into_what_they_get(method, engine):
    class Writes(Mine):
        def begin(self, spectrum, constraint):
            return (spectrum.zero_() if method == "begin" else spectrum.clone(),)

        def rule(self, spectrum, memory, constraint, step):
            if method == "memory":
                memory[0].zero_()
            if method == "target":
                constraint.target.zero_()
            return super().rule(spectrum, memory, constraint, step)

        def mix(self, wave, past, step):
            return super().mix(wave.zero_() if method == "mix" else wave, past, step)

    spec = spec_of()
    before = spec.clone()
    with pytest.raises(SpecInvError, match=r"Writes\.\w+ changed a tensor in place"):
        invert(spec, Writes(), init="zero", backend=engine, **RUN)
    assert torch.equal(spec, before)


def test_errors_are_those_of_the_target_whatever_a_rule_does_to_it():
    class Writes(Mine):
        def rule(self, spectrum, memory, constraint, step):
            in_numpy(constraint.target)
            return super().rule(spectrum, memory, constraint, step)

    found = invert(spec_of(), Writes(), init="zero", **RUN)
    assert (found.history["sc"][-1] > -10).all()
    seen = STFT.of(spec_of(), window=RUN["window"])(found.wave)
    from torch_specinv.metrics import sc

    assert torch.allclose(sc(seen, spec_of()), found.history["sc"][-1], atol=1e-3)


@pytest.mark.parametrize(
    "numbers", [3, "momentum", (0.5,), Momentum(math.nan), Momentum("x"), Momentum(torch.ones(2))]
)
def test_numbers(numbers):
    class Numbered(GriffinLim):
        def coefficients(self, step):
            return numbers

    with pytest.raises(SpecInvError, match=r"Numbered\.coefficients returned"):
        invert(spec_of(), Numbered(), **RUN)
    for count in (0, -1, 1.5, None):
        kind = type("Turns", (Mine,), {"interlaced_groups": lambda self, count=count: count})
        with pytest.raises(SpecInvError, match=r"Turns\.interlaced_groups="):
            invert(spec_of(), kind(), **RUN)


class Waves(Solver):
    """A solver that answers with whatever it is told to."""

    steps = 3

    def __init__(self, answer):
        self.answer = answer

    def start(self, spectrum):
        return torch.zeros(2)

    def advance(self, state, until):
        return state

    def wave(self, state):
        return self.answer

    def select(self, items):
        return self


@pytest.mark.parametrize(
    ("solver", "message"),
    [
        (None, "solver returned a NoneType: expected a Solver"),
        (Waves(None), "the solver returned a NoneType"),
        (Waves(torch.zeros(3, 608)), r"the solver returned shape \(3, 608\)"),
        (Waves(torch.zeros(608)), "the solver returned shape"),
        (Waves(torch.zeros(2, 608, dtype=torch.complex64)), "expected real floating"),
    ],
)
def test_solvers(solver, message):
    kind = type("Own", (Mine,), {"solver": lambda self, problem, budget, engine: solver})
    with pytest.raises(SpecInvError, match=message):
        invert(spec_of(), kind(), **RUN)


def constraint_with(**methods):
    """Return a constraint with some methods of its own."""
    return dataclass(frozen=True, eq=False)(
        type("Known", (Magnitude,), {"__annotations__": {"target": torch.Tensor}, **methods})
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("fault", COMPLEX)
def test_projections(fault, engine):
    wrong, message = COMPLEX[fault]
    made = constraint_with(project=lambda self, c: wrong(Magnitude.project(self, c)))
    shapes = message.replace("33, 20", r"33, \d+").replace("20, 33", r"\d+, 33")
    with pytest.raises(SpecInvError, match=f"Known.project returned .*{shapes}"):
        invert(spec_of(), "griffin_lim", constraint=made, init="zero", backend=engine, **RUN)


@pytest.mark.parametrize("fault", WRONG)
def test_observations(fault):
    wrong, message = WRONG[fault]
    made = constraint_with(observe=lambda self, c: wrong(c.abs()))
    shapes = message.replace("33, 20", r"33, \d+").replace("20, 33", r"\d+, 33")
    with pytest.raises(SpecInvError, match=f"Known.observe returned .*{shapes}"):
        invert(spec_of(), "griffin_lim", constraint=made, init="zero", **RUN)


@pytest.mark.parametrize("fault", REAL)
def test_magnitudes_to_start_from(fault):
    wrong, message = REAL[fault]
    made = constraint_with(magnitude=lambda self: wrong(self.target + 1))
    with pytest.raises(SpecInvError, match=f"Known.magnitude returned .*{message}"):
        invert(spec_of(), "griffin_lim", constraint=made, init="zero", **RUN)


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ({"magnitude": lambda self: -self.target}, "magnitude returned negative values"),
        ({"start": lambda self, m, p: m}, "start returned torch.float32: expected complex"),
        ({"error": lambda self, x: x.sum()}, r"error returned shape \(\): expected \(2,\)"),
        ({"error": lambda self, x: None}, "error returned a NoneType"),
        ({"energy": property(lambda self: 1.0)}, "energy returned a float"),
        ({"degree": -1}, "degree=-1"),
        ({"degree": "x"}, "degree='x'"),
        ({"bins": property(lambda self: 3.5)}, "bins=3.5"),
        ({"scaled": lambda self, scale: None}, "scaled returned no Known for 2 items"),
        ({"of_frames": lambda self, frames: 3}, "of_frames returned no Known for 2 items"),
        ({"project": lambda self, c: c.zero_()}, "project changed a tensor in place"),
        ({"observe": lambda self, c: self.target.zero_()}, "observe changed a tensor in place"),
    ],
)
def test_other_methods_of_constraints(methods, message):
    spec = spec_of()
    before = spec.clone()
    with pytest.raises(SpecInvError, match=f"Known.{message}"):
        invert(spec, "griffin_lim", constraint=constraint_with(**methods), init="zero", **RUN)
    assert torch.equal(spec, before)


def test_spreads_and_what_makes_constraints():
    spec, before = spec_of(), spec_of()
    made = constraint_with(spread=lambda self, factors: factors[0])
    with pytest.raises(SpecInvError, match=r"Known\.spread returned shape"):
        invert(spec, "auto", constraint=made, **RUN)

    def writes(target):
        target.mul_(0)
        return Magnitude(target + 1)

    invert(spec, "griffin_lim", constraint=writes, **RUN)
    assert torch.equal(spec, before)
    for target in (None, torch.ones(2, 33, 19), torch.ones(33, 20), torch.ones(2, 33, 20) > 0):
        with pytest.raises(SpecInvError, match=r"Magnitude\.target returned"):
            invert(spec, "griffin_lim", constraint=lambda _, t=target: Magnitude(t), **RUN)
    with pytest.raises(KeyError) as caught:
        invert(spec, "griffin_lim", constraint=lambda target: {}["x"], **RUN)
    assert "constraint <lambda>" in caught.value.__notes__[0]
    assert issubclass(made, Constraint)


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


def transform_that(change, after):
    """Return |Mx| for a matrix M, changed after some calls."""
    matrix, calls = torch.randn(12, 20, generator=torch.manual_seed(1)), []

    def transform(x):
        calls.append(1)
        out = (x @ matrix.T).abs()
        return change(out) if len(calls) > after else out

    return transform


@pytest.mark.parametrize("after", [0, 9])
@pytest.mark.parametrize("fault", ["None", "number", "another dimension", "0-d", "transposed"])
def test_transforms(fault, after):
    """Also one that changes its mind in the middle."""
    wrong, _ = WRONG[fault]
    change = transform_that(lambda out: wrong(out.detach() if fault == "numpy" else out), after)
    with pytest.raises(SpecInvError, match="transform_fn"):
        invert_transform(torch.rand(3, 12), change, (3, 20), verbose=False, outer_max_iter=20)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda x, y: None, "loss_fn returns a NoneType"),
        (lambda x, y: 1.0, "loss_fn returns a float"),
        (lambda x, y: x - y, r"loss_fn returned shape \(12,\): expected \(\), a scalar"),
        (lambda x, y: (x - y).sum().to(torch.complex64), "complex64: expected real"),
        (lambda x, y: (x - y).square().sum() * math.nan, "not finite at the start"),
        (lambda x, y: (x - y).square().sum().detach(), "no gradient"),
    ],
)
def test_losses(loss, message):
    with pytest.raises(SpecInvError, match=message):
        L_BFGS(torch.rand(12), transform_that(None, 10**9), 20, loss_fn=loss, verbose=False)


def test_transforms_and_losses_that_write_into_what_they_get():
    matrix = torch.randn(12, 20, generator=torch.manual_seed(1))

    def transform(x):
        out = x @ matrix.T
        x.data.zero_()
        return out

    def loss(x, y):
        error = (x - y).square().sum()
        y.zero_()
        return error

    run = {"verbose": False, "outer_max_iter": 30, "init_x0": torch.ones(20)}
    target = torch.rand(12, generator=torch.manual_seed(2))
    before = target.clone()
    found = L_BFGS(target, transform, loss_fn=loss, **run)
    assert torch.equal(target, before)
    assert torch.allclose(matrix @ found, target, atol=1e-2)


class Guessing:
    past = 0

    def __init__(self, answer):
        self.answer = answer

    def __call__(self, arrival, geometry):
        return self.answer


@pytest.mark.parametrize("answer", [None, torch.zeros(33), torch.zeros(1, 33), np.zeros((1, 33))])
def test_guesses(answer):
    geometry = STFT.of(spec_of(), window=RUN["window"]).geometry
    online = OnlineInverter(
        geometry, look_ahead=1, asymmetric_window=True, max_iter=1, alpha=0.5,
        guess=Guessing(answer),
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
