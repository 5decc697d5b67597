"""A seeded part of benchmarks/fuzz.py, which tries bad values for everything public."""

import pytest
import torch

import torch_specinv
from benchmarks.fuzz import Case, cases, run, sample
from benchmarks.fuzzing.judging import judge, names
from benchmarks.fuzzing.targets import left_out
from benchmarks.fuzzing.values import REFUSE, SPREAD, Bad

# The first of these tensors makes torch import its compiler, which takes seconds.
SLOW = "nested, jagged"


def bad_outcomes(some):
    return [o for o in map(run, some) if o.kind not in ("helpful", "accepted")]


@pytest.mark.parametrize("seed", range(3))
def test_some_bad_values_are_refused(seed):
    assert bad_outcomes(case for case in sample(100, seed) if case.label != SLOW) == []


@pytest.mark.slow
def test_many_bad_values_are_refused():
    assert bad_outcomes(sample(6000, 4)) == []


def test_everything_public_is_tried():
    assert left_out() == []
    assert len(cases()) > 25_000
    tried = {case.target for case in cases()}
    assert {"invert", "losses.si_sdr_loss", "mel.MelSpec", "io.write_audio", "nn.LBFGS"} <= tried


def test_what_is_counted_as_what():
    def outcome(loss, label, argument="x"):
        case = Case("losses.esr_loss", argument, label)
        target = torch_specinv.losses.esr_loss
        torch_specinv.losses.esr_loss = loss
        from benchmarks.fuzzing import of_losses, targets

        targets.targets.cache_clear()
        try:
            assert of_losses.losses is torch_specinv.losses
            return run(case).kind
        finally:
            torch_specinv.losses.esr_loss = target
            targets.targets.cache_clear()

    def loss_of(result):
        def esr_loss(x, y, *, weighting=None, eps=1e-8, reduction="mean"):
            if isinstance(result, Exception):
                raise result
            return result

        return esr_loss

    error = torch_specinv.SpecInvError
    assert outcome(loss_of(torch.tensor(1.0)), "sparse") == "silent"
    assert outcome(loss_of(torch.tensor(1.0)), "holds nan") == "silent"
    assert outcome(loss_of(torch.tensor(torch.nan)), "holds nan") == "accepted"
    assert outcome(loss_of(torch.tensor(torch.nan)), "silent") == "silent"
    assert outcome(loss_of(torch.tensor(0.5)), "silent") == "accepted"
    assert outcome(loss_of(error("x is sparse")), "sparse") == "helpful"
    assert outcome(loss_of(error("it is sparse")), "sparse") == "unnamed"
    assert outcome(loss_of(ValueError("x is sparse")), "sparse") == "traceback"


def test_names_and_judgements():
    assert names("x", "x and y differ")
    assert not names("x", "the maximum")
    assert judge(Bad(None, REFUSE), torch.ones(2))[0] == "silent"
    assert judge(Bad(None, SPREAD), torch.tensor([1.0, torch.nan]))[0] == "accepted"
    assert judge(Bad(None, SPREAD), torch.ones(2))[0] == "silent"
