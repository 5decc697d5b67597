"""Batches that memory does not hold: in parts they come out as they would at once."""

from __future__ import annotations

import pytest
import torch

from tests.conftest import hann, magnitude
from torch_specinv import SpecInvError, griffin_lim, invert
from torch_specinv.engines import ChunkedEngine
from torch_specinv.solve.problem import SpectrogramProblem

RUN = {"window": hann(256), "max_iter": 60, "verbose": False}


@pytest.fixture
def small(monkeypatch):
    """A device that holds so many items, and a list of how many were tried."""
    tried, holds, start = [], [3], ChunkedEngine.start

    def limited(self, spectrum):
        tried.append(len(spectrum))
        if len(spectrum) > holds[0]:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return start(self, spectrum)

    monkeypatch.setattr(ChunkedEngine, "start", limited)
    return tried, holds


@pytest.mark.parametrize(
    "settings", [{}, {"init": "random"}, {"lengths": list(range(2048, 1640, -51))}]
)
def test_the_same_as_at_once(clips, small, settings):
    tried, holds = small
    spec = magnitude(clips, hop_length=64)
    run = {**RUN, **settings, "hop_length": 64, "tol": 1e-3, "metric": ["sc", "snr"]}
    with pytest.warns(RuntimeWarning, match=r"8 items do not fit.*: 2 did"):
        parts = invert(spec, "griffin_lim", generator=torch.Generator().manual_seed(1), **run)
    assert tried == [8, 4, 2, 2, 2, 2]
    holds[0] = 8
    whole = invert(spec, "griffin_lim", generator=torch.Generator().manual_seed(1), **run)
    assert (parts.wave - whole.wave).abs().max() < 1e-10
    assert parts.status == whole.status
    assert parts.evaluated == whole.evaluated
    assert torch.equal(parts.iterations, whole.iterations)
    for name, rows in whole.history.items():
        assert torch.allclose(parts.history[name], rows, atol=1e-8)


def test_a_given_start_and_two_batch_dimensions(clips, small):
    _, holds = small
    spec = magnitude(clips)
    spec = torch.polar(spec, spec).unflatten(0, (2, 4))
    with pytest.warns(RuntimeWarning, match="2 did"):
        parts = griffin_lim(spec, tol=0, **RUN)
    holds[0] = 8
    assert parts.shape[:2] == (2, 4)
    assert (parts - griffin_lim(spec, tol=0, **RUN)).abs().max() < 1e-10


def test_an_item_too_large(clips, small):
    small[1][0] = 0
    with pytest.raises(SpecInvError, match="a single item does not fit in the memory of cpu"):
        invert(magnitude(clips[0]), "griffin_lim", **RUN)


def test_other_faults_are_not_hidden(clips, monkeypatch):
    def broken(self, spectrum):
        raise RuntimeError("something else")

    monkeypatch.setattr(ChunkedEngine, "start", broken)
    with pytest.raises(RuntimeError, match="something else"):
        invert(magnitude(clips), "griffin_lim", **RUN)


def test_memory_that_ends_while_the_problem_is_posed(clips, monkeypatch):
    """Nothing of the whole batch is held while its parts are solved."""
    of, posed = SpectrogramProblem.of.__func__, []

    def limited(cls, constraint, stft, **how):
        posed.append(len(constraint.target))
        if len(constraint.target) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return of(cls, constraint, stft, **how)

    spec = magnitude(clips)
    whole = invert(spec, "griffin_lim", **RUN)
    monkeypatch.setattr(SpectrogramProblem, "of", classmethod(limited))
    with pytest.warns(RuntimeWarning, match="2 did"):
        parts = invert(spec, "griffin_lim", **RUN)
    assert posed == [8, 4, 2, 2, 2, 2]
    assert (parts.wave - whole.wave).abs().max() < 1e-10


def test_memory_that_ends_while_the_solver_is_made(clips, monkeypatch):
    make, made = ChunkedEngine.__init__, []

    def limited(self, problem, *args, **keywords):
        made.append(len(problem.scale))
        if len(problem.scale) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        make(self, problem, *args, **keywords)

    monkeypatch.setattr(ChunkedEngine, "__init__", limited)
    with pytest.warns(RuntimeWarning, match="4 did"):
        invert(magnitude(clips), "griffin_lim", **{**RUN, "max_iter": 2})
    assert made == [8, 4, 4]


@pytest.mark.parametrize("settings", [{}, {"lengths": list(range(2048, 1640, -51))}])
def test_going_on_with_a_batch_that_was_divided(clips, small, settings):
    """In the same parts, whether or not it would fit by now."""
    _, holds = small
    spec = magnitude(clips, hop_length=64)
    run = {**RUN, **settings, "hop_length": 64, "tol": 0}
    with pytest.warns(RuntimeWarning, match="2 did"):
        first = invert(spec, "griffin_lim", **{**run, "max_iter": 20})
    longer = invert(spec, "griffin_lim", resume=first, **{**run, "max_iter": 40})
    again = invert(spec, "griffin_lim", resume=longer, **{**run, "max_iter": 10})
    holds[0] = 8
    whole = invert(spec, "griffin_lim", **{**run, "max_iter": 70})
    assert (again.wave - whole.wave).abs().max() < 1e-10
    assert again.evaluated == whole.evaluated
    with pytest.raises(SpecInvError, match="result of another problem: scale differ"):
        invert(2 * spec, "griffin_lim", resume=first, **run)
    with pytest.raises(SpecInvError, match="neither with a callback nor with a gradient"):
        invert(spec, "griffin_lim", resume=first, callback=print, **run)


def test_going_on_that_no_longer_fits(clips, small):
    with pytest.warns(RuntimeWarning, match="2 did"):
        first = invert(magnitude(clips), "griffin_lim", **RUN)
    assert first.state is not None
    from torch_specinv.solve import out_of_memory

    def full(items, state):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(SpecInvError, match="no longer fit"):
        out_of_memory.in_parts(full, 8, torch.device("cpu"), None, first.state.parts)


def test_a_part_of_short_items(clips, small):
    """Their lengths are as few as there are frames, which in a whole batch would be a mistake."""
    _, holds = small
    holds[0] = 1
    spec = magnitude(clips[:2], 64, hop_length=16, window=hann(64))
    run = {**RUN, "window": hann(64), "hop_length": 16, "lengths": [2048, 60], "tol": 0}
    with pytest.warns(RuntimeWarning, match="1 did"):
        parts = invert(spec, "griffin_lim", **run)
    holds[0] = 2
    assert (parts.wave - invert(spec, "griffin_lim", **run).wave).abs().max() < 1e-10
    with pytest.raises(SpecInvError, match="they count samples, not frames"):
        invert(spec, "griffin_lim", **{**run, "lengths": [129, 60]})
