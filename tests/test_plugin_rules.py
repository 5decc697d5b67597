"""Rules, solvers and constraints of a user's: what they return is checked."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch

from tests.plugin_cases import COMPLEX, ENGINES, REAL, RUN, WRONG, in_numpy, spec_of
from torch_specinv import (
    STFT,
    Constraint,
    SpecInvError,
    invert,
)
from torch_specinv.algorithms import GriffinLim
from torch_specinv.constraints import Magnitude
from torch_specinv.plugins import guarded, is_foreign
from torch_specinv.solve import Momentum, PointwiseAlgorithm, Solver
from torch_specinv.solve.checked import CheckedRule


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
