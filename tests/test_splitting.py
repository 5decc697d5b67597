"""Batches that memory does not hold: in parts they come out as they would at once."""

from __future__ import annotations

import pytest
import torch

from tests.conftest import hann, magnitude
from torch_specinv import SpecInvError, griffin_lim, invert
from torch_specinv.engines import ChunkedEngine

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
