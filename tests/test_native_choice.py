"""What the native engine takes, and when it is chosen."""

from __future__ import annotations

import dataclasses
import re

import pytest
import torch

from tests.cases import POINTWISE
from tests.conftest import hann
from tests.native_cases import needs_library, problem_of
from torch_specinv import PointwiseAlgorithm, SpecInvError, invert, show_config
from torch_specinv import engines as engines_module
from torch_specinv.algorithms import RAAR, GriffinLim
from torch_specinv.engines import ChunkedEngine, NativeEngine, TorchEngine, choose_engine
from torch_specinv.engines.native_training import NativeTraining
from torch_specinv.solve import ALGORITHMS, Projection, Step

pytestmark = needs_library


@pytest.mark.parametrize("name", POINTWISE)
def test_what_is_native(name):
    """What says its rule in numbers, with its defaults; tensors may carry gradients."""
    problem, _ = problem_of(3000, {})
    kind = ALGORITHMS[name]
    told = kind.coefficients is not PointwiseAlgorithm.coefficients
    assert (NativeEngine.obstacle(problem, kind(), 9) is None) == told
    mixes = isinstance(kind().coefficients(Step(0, 9)), Projection)  # in torch's operations
    for field in dataclasses.fields(kind):
        if "Tensor" in str(field.type) and not mixes:
            algorithm = kind(**{field.name: torch.tensor(0.9 * field.default)})
            reason = NativeEngine.obstacle(problem, algorithm, 9)
            assert re.search("has tensors|does not know the rule", reason)


def test_rules_that_are_no_numbers():
    problem, _ = problem_of(3000, {})
    for algorithm, reason in (
        (GriffinLim(torch.tensor(0.9)), "has tensors"),
        (RAAR(torch.tensor(0.9)), "has tensors"),
        (ALGORITHMS["difference_map"](beta=0.7), "does not know the rule"),
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


def test_which_engine_runs():
    spec = torch.rand(2, 65, 30)
    cases = {
        "float32 on a CPU, not torch.float64": {"spec": spec.double()},
        "one-sided": {"spec": torch.rand(2, 128, 30), "onesided": False},
        "n_fft without prime factors above 13, not 134": {"spec": torch.rand(2, 68, 30)},
        "n_fft without prime factors above 13, not 133": {
            "spec": torch.rand(2, 67, 30), "n_fft": 133,
        },
        "GriffinLim.* has tensors": {"alpha": torch.tensor(0.9)},
        "in few bands each, not in 65": {"mel": torch.rand(65, 129), "n_fft": 256},
    }  # fmt: skip
    for cause, keywords in cases.items():
        target = keywords.pop("spec", spec)
        n_fft = keywords.get("n_fft", 2 * (target.shape[1] - 1))
        n_fft = target.shape[1] if "onesided" in keywords else n_fft
        run = {"window": hann(n_fft, torch.float32), "max_iter": 2, "verbose": False, **keywords}
        with pytest.raises(SpecInvError, match=cause):
            invert(target, "griffin_lim", backend="native", **run)
        invert(target, "griffin_lim", **run)
    run = {"window": hann(128, torch.float32), "hop_length": 8, "max_iter": 2, "verbose": False}
    with pytest.raises(SpecInvError, match="30 frames are too few for as much overlap"):
        invert(spec, "griffin_lim", backend="native", **run)


def test_automatic_choice(monkeypatch):
    problem, _ = problem_of(3000, {})

    def chosen(algorithm, backend="auto", gradient=False):
        return type(choose_engine(backend, gradient=gradient)(problem, algorithm, 9))

    assert chosen(GriffinLim()) is NativeEngine
    assert chosen(ALGORITHMS["difference_map"](beta=0.7)) is ChunkedEngine
    monkeypatch.setenv(engines_module.VARIABLE, "torch")
    assert chosen(GriffinLim()) is TorchEngine
    assert chosen(GriffinLim(), "native") is NativeEngine
    monkeypatch.setenv(engines_module.VARIABLE, "native")
    assert chosen(GriffinLim()) is NativeEngine
    assert chosen(GriffinLim(), gradient=True) is NativeTraining
    message = "TORCH_SPECINV_BACKEND=native can't run this: its gradient is that of Griffin-Lim"
    with pytest.raises(SpecInvError, match=message):
        chosen(RAAR(), gradient=True)
    monkeypatch.setenv(engines_module.VARIABLE, "chunked")
    message = "TORCH_SPECINV_BACKEND=chunked can't run this: it carries no gradient"
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
    monkeypatch.setattr(NativeEngine, "missing", lambda: "it was not built")
    make = choose_engine("auto", gradient=False)
    assert isinstance(make(problem, GriffinLim(), 9), ChunkedEngine)
    with pytest.raises(SpecInvError, match="backend='native' can't run this: it was not built"):
        choose_engine("native", gradient=False)
    show_config()
    assert "here: no, as it was not built" in capsys.readouterr().out


def test_a_variable_that_names_no_engine_is_told(monkeypatch, capsys):
    monkeypatch.setenv("TORCH_SPECINV_BACKEND", "nonsense")
    show_config()
    assert "TORCH_SPECINV_BACKEND=nonsense, which is unknown" in capsys.readouterr().out
