"""The loop: when it stops, what it keeps, what it reports, and whom it tells."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import pytest
import torch

from tests.conftest import hann, magnitude
from torch_specinv import GriffinLim, PointwiseAlgorithm, SpecInvError, Status, griffin_lim, invert
from torch_specinv.solve import ALGORITHMS
from torch_specinv.solve.solver import copy_state, select_items


def keywords(**more):
    return {"window": hann(256), "verbose": False, **more}


def test_evaluations(clips):
    result = invert(magnitude(clips), "griffin_lim", max_iter=25, eva_iter=10, tol=0, **keywords())
    assert result.evaluated == (0, 10, 20, 25)
    assert result.history["sc"].shape == (4, 8)
    assert result.iterations.tolist() == [25, 25, 10, 25, 25, 25, 25, 25]
    assert [s.value for s in result.status] == [
        "converged" if i == 2 else "max_iter" for i in range(8)
    ]


def test_tolerance_is_per_item(clips):
    """Each item stops where it stops alone, though the others go on without it."""
    spec = magnitude(clips)
    run = keywords(max_iter=200, tol=1e-4, eva_iter=5)
    batch = invert(spec, "griffin_lim", **run)
    assert len(set(batch.iterations.tolist())) > 3
    for i in range(8):
        alone = invert(spec[i], "griffin_lim", **run)
        assert alone.iterations == batch.iterations[i]
        assert alone.status == (batch.status[i],)
        assert torch.allclose(alone.wave, batch.wave[i], atol=1e-9)
        rows = len(alone.evaluated)
        assert torch.allclose(alone.history["sc"], batch.history["sc"][:rows, i], atol=1e-6)
        assert (batch.history["sc"][rows:, i] == batch.history["sc"][rows - 1, i]).all()


def test_a_last_interval_that_is_short_says_nothing_about_convergence(clips):
    spec = magnitude(clips[[0, 1]])
    run = keywords(eva_iter=100, tol=2e-3, init="spsi")
    for max_iter in (100, 101):
        result = invert(spec, "griffin_lim", max_iter=max_iter, **run)
        assert set(result.status) == {Status.MAX_ITER}
    # a whole interval of so small a change does say it
    whole = invert(spec, "griffin_lim", max_iter=300, **run)
    assert set(whole.status) == {Status.CONVERGED}
    assert whole.iterations.max() <= 200


def test_tolerance_rule(clips):
    """The first evaluation whose squared error changed by less than tol times the first error."""
    spec = magnitude(clips[0])
    errors = []

    def watch(report):
        errors.append(10 ** (float(report.metrics["sc"]) / 10))

    invert(
        spec, "griffin_lim", alpha=0, max_iter=100, eva_iter=2, tol=0, callback=watch, **keywords()
    )
    start = invert(spec, "griffin_lim", alpha=0, max_iter=1, **keywords()).history["sc"][0]
    errors.insert(0, 10 ** (float(start) / 10))
    tol = 1e-3
    changes = [abs(a - b) for a, b in pairwise(errors)]
    expected = 2 * (1 + next(i for i, c in enumerate(changes) if c < tol * errors[0]))
    assert 2 < expected < 100
    assert invert(
        spec, "griffin_lim", alpha=0, max_iter=100, eva_iter=2, tol=tol, **keywords()
    ).iterations == (expected)


@dataclass(frozen=True)
class Worsening(PointwiseAlgorithm):
    """Griffin-Lim that, from `after` iterations on, spoils item 1 and multiplies item 2 by NaN."""

    after: int = 6

    def begin(self, spectrum, constraint):
        item = torch.arange(len(spectrum))  # who is who, also when some have stopped
        return (item[:, None, None].expand(spectrum.shape),)

    def rule(self, spectrum, memory, constraint, step):
        estimate = constraint.project(spectrum)
        if step.number >= self.after:
            item = memory[0]
            spoil = torch.where(item == 1, 3.0, torch.where(item == 2, math.nan, 1.0))
            estimate = estimate * spoil
        return estimate, memory


def test_the_best_iterate_is_kept_and_trouble_does_not_spread(clips):
    spec = magnitude(clips[[0, 1, 3, 4]])
    with pytest.warns(RuntimeWarning, match=r"1 of 4 items \(2\) diverged: the best wave before"):
        result = invert(spec, Worsening(), max_iter=12, eva_iter=3, tol=0, **keywords())
    good = invert(spec, GriffinLim(alpha=0), max_iter=12, eva_iter=3, tol=0, **keywords())
    early = invert(spec, GriffinLim(alpha=0), max_iter=6, eva_iter=3, tol=0, **keywords())
    assert result.status == (
        Status.MAX_ITER, Status.MAX_ITER, Status.NOT_FINITE, Status.MAX_ITER
    )  # fmt: skip
    assert result.iterations.tolist() == [12, 12, 9, 12]
    assert torch.isfinite(result.wave).all()
    for i, expected in enumerate((good, early, early, good)):
        assert torch.allclose(result.wave[i], expected.wave[i], atol=1e-10)
    # what is reported is the wave that is returned
    assert torch.allclose(result.history["sc"][-1, 1:3], early.history["sc"][-1, 1:3])
    assert torch.isfinite(result.history["sc"]).all()


def test_callback_sees_what_would_be_returned_and_can_stop(clips):
    spec = 1000 * magnitude(clips).reshape(2, 4, 129, -1)
    reports = []

    def stop_at_20(report):
        reports.append(report)
        return report.iteration >= 20

    result = invert(spec, "griffin_lim", max_iter=100, tol=0, callback=stop_at_20, **keywords())
    assert [r.iteration for r in reports] == [10, 20]
    assert reports[0].max_iter == 100
    assert reports[0].wave.shape == (2, 4, 2048)
    assert reports[0].metrics["sc"].shape == (2, 4)
    assert torch.equal(reports[-1].wave, result.wave)
    assert torch.equal(reports[-1].metrics["sc"], result.history["sc"][-1])
    assert result.evaluated == (0, 10, 20)
    assert set(result.status) == {Status.STOPPED, Status.CONVERGED}  # the silent one


def test_a_callback_that_answers_for_each_item(clips):
    with pytest.raises(SpecInvError, match=r"the callback <lambda> returned 8 values.*\.all\(\)"):
        invert(
            magnitude(clips),
            max_iter=4,
            callback=lambda report: report.metrics["sc"] < -20,
            **keywords(),
        )


def test_progress_bar(clips, capsys):
    griffin_lim(magnitude(clips[0]), 20, 0, eva_iter=10, window=hann(256))
    shown = capsys.readouterr().err
    assert "20/20" in shown
    assert "sc=-" in shown
    griffin_lim(magnitude(clips[0]), 20, 0, verbose=False, window=hann(256))
    assert capsys.readouterr().err == ""


def test_repr(clips):
    text = repr(invert(magnitude(clips), "griffin_lim", max_iter=10, **keywords()))
    assert text.startswith("Inversion(wave=(8, 2048), iterations=10, sc=-")
    assert text.endswith("status=converged, max_iter)")


def test_functions_return_what_invert_returns(clips):
    spec = magnitude(clips)
    wave = griffin_lim(spec, 10, 0, 0.5, False, 3, "snr", init="zero", window=hann(256))
    result = invert(
        spec, "griffin_lim", max_iter=10, tol=0, alpha=0.5, eva_iter=3, init="zero", **keywords()
    )
    assert torch.equal(wave, result.wave)


@pytest.mark.parametrize("eva_iter", [1, 4, 50])
def test_evaluating_does_not_change_the_result(clips, eva_iter):
    spec = magnitude(clips[:2])
    run = keywords(max_iter=20, tol=0, alpha=0)
    assert torch.allclose(
        invert(spec, "griffin_lim", eva_iter=eva_iter, **run).wave,
        invert(spec, "griffin_lim", eva_iter=7, **run).wave,
    )


class Pair(NamedTuple):
    """A tuple with names."""

    left: torch.Tensor
    right: list


@dataclass(frozen=True)
class Nested:
    """A state with all that may hold tensors."""

    iteration: int
    pair: Pair
    named: dict
    rest: tuple


def test_states_with_lists_and_dicts_are_selected_and_copied():
    x = torch.arange(6.0).reshape(3, 2)
    state = Nested(4, Pair(x, [x + 1, [x + 2]]), {"a": x + 3, "b": {"c": x + 4}}, (x + 5, "text"))
    items = torch.tensor([2, 0])
    chosen = select_items(state, items)
    assert isinstance(chosen.pair, Pair)
    assert isinstance(chosen.pair.right, list)
    assert chosen.iteration == 4
    assert chosen.rest[1] == "text"
    found = [
        chosen.pair.left, chosen.pair.right[0], chosen.pair.right[1][0], chosen.named["a"],
        chosen.named["b"]["c"], chosen.rest[0],
    ]  # fmt: skip
    for number, tensor in enumerate(found):
        assert torch.equal(tensor, (x + number)[items])
    copied = copy_state(state)
    copied.named["b"]["c"].zero_()
    copied.pair.right[0].zero_()
    assert torch.equal(state.named["b"]["c"], x + 4)
    assert torch.equal(state.pair.right[0], x + 1)


@pytest.mark.parametrize("name", sorted(n for n, kind in ALGORITHMS.items() if not kind.per_frame))
@pytest.mark.parametrize("max_iter", [2**63, 10**30])
def test_a_budget_that_is_not_used_costs_nothing(name, max_iter):
    """Where the tolerance or a callback ends a run; a list of all steps would fit in no memory."""
    spec = torch.rand(65, 40, generator=torch.Generator().manual_seed(1))
    run = {"window": torch.hann_window(128), "verbose": False, "callback": lambda r: True}
    result = invert(spec, name, max_iter=max_iter, **run)
    if not ALGORITHMS[name].planned:  # a plan depends on the budget
        assert torch.equal(result.wave, invert(spec, name, max_iter=40, **run).wave)
    if name == "griffin_lim":
        run = {**run, "callback": None, "tol": 1e-2}
        result = invert(spec, name, max_iter=max_iter, **run)
        assert result.status == ("converged",)
        assert torch.equal(result.wave, invert(spec, name, max_iter=100, **run).wave)
