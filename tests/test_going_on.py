"""Resuming, checkpointed gradients, copies and pickles."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys

import pytest
import torch

from tests.conftest import hann, magnitude
from torch_specinv import SpecInvError, Status, invert
from torch_specinv.solve import ALGORITHMS

iterative = pytest.mark.parametrize(
    "name",
    sorted(name for name, kind in ALGORITHMS.items() if kind.takes_start and not kind.planned),
)


def run(spec, name, max_iter, **keywords):
    keywords = {"window": hann(256), "eva_iter": 4, "verbose": False, **keywords}
    return invert(spec, name, max_iter=max_iter, **keywords)


def same(a, b):
    assert torch.equal(a.wave, b.wave)
    assert torch.equal(a.iterations, b.iterations)
    assert a.status == b.status
    assert torch.equal(a.history["sc"][-1], b.history["sc"][-1])


@iterative
@pytest.mark.parametrize("first", [8, 10])
def test_resuming_equals_one_longer_run(clips, name, first):
    """Also for items that converge in the first part or the second, and after a pickle."""
    spec = magnitude(clips).reshape(2, 4, 129, -1)
    whole = run(spec, name, 26, tol=1e-4)
    assert "converged" in whole.status
    part = run(spec, name, first, tol=1e-4)
    before = part.wave.clone()
    stored = pickle.loads(pickle.dumps(part))
    for earlier in (part, stored, copy.deepcopy(part)):
        on = run(spec, name, 26 - first, tol=1e-4, resume=earlier)
        same(on, whole)
        assert on.evaluated == whole.evaluated
        assert torch.equal(on.history["sc"], whole.history["sc"])
    assert torch.equal(part.wave, before)
    thrice = run(spec, name, 26 - first - 5, tol=1e-4, resume=run(
        spec, name, 5, tol=1e-4, resume=part))  # fmt: skip
    same(thrice, whole)


def test_going_on_after_a_callback_stopped(clips):
    spec = magnitude(clips[:2])
    stopped = run(spec, "admm", 20, tol=0, callback=lambda report: report.iteration == 8)
    assert set(stopped.status) == {Status.STOPPED}
    same(run(spec, "admm", 12, tol=0, resume=stopped), run(spec, "admm", 20, tol=0))


def test_nothing_to_go_on_with(clips):
    spec = magnitude(clips[:2])
    part = run(spec, "admm", 4)
    for spec_, name, more in (
        (spec * 1.01, "admm", {}),
        (spec[:1], "admm", {}),
        (spec, "griffin_lim", {}),
        (spec, "admm", {"rho": 0.2}),
        (spec, "admm", {"pad_mode": "constant"}),
        (spec.flip(-2), "admm", {}),
        (spec, "admm", {"window": hann(256).roll(5)}),
        (spec, "admm", {"rho": torch.tensor(0.1)}),
        (spec, "admm", {"lengths": [2048, 2047]}),
    ):
        with pytest.raises(SpecInvError, match="result of another problem"):
            run(spec_, name, 4, resume=part, **more)
    online = invert(spec, "rtisi_la", max_iter=1, window=hann(256), verbose=False)
    with pytest.raises(SpecInvError, match="history of sc: pass the same metric"):
        run(spec, "admm", 4, resume=part, metric=("sc", "snr"))
    with pytest.raises(SpecInvError, match="resume is a Tensor: expected the Inversion"):
        run(spec, "admm", 4, resume=part.wave)
    with pytest.raises(SpecInvError, match="init is given, but resume"):
        run(spec, "admm", 4, resume=part, init="random")
    planned = run(spec, "amdr", 4)
    with pytest.raises(SpecInvError, match="AMDR plans its whole budget"):
        run(spec, "amdr", 4, resume=planned)
    with pytest.raises(SpecInvError, match="ends with the last frame"):
        invert(spec, "rtisi_la", max_iter=1, window=hann(256), verbose=False, resume=online)


def test_an_iterate_that_only_the_first_part_saw_does_not_count():
    """The last evaluation of a part is off the grid of a longer run, and may be its best."""
    spec = torch.rand(3, 33, 40, dtype=torch.float64)
    keywords = {"window": hann(64), "tol": 0, "rho": 0.0, "eva_iter": 10}
    whole = run(spec, "admm", 60, **keywords)
    for first in (2, 7, 31, 55):
        part = run(spec, "admm", first, **keywords)
        same(run(spec, "admm", 60 - first, resume=part, **keywords), whole)


def test_an_online_run_that_was_stopped_goes_on(clips):
    spec = magnitude(clips[:2])
    keywords = {"window": hann(256), "max_iter": 1, "verbose": False}
    stopped = invert(spec, "rtisi_la", callback=lambda r: r.iteration == 20, **keywords)
    assert set(stopped.status) == {Status.STOPPED}
    same(invert(spec, "rtisi_la", resume=stopped, **keywords), invert(spec, "rtisi_la", **keywords))


@pytest.mark.parametrize("name", sorted(ALGORITHMS))
@pytest.mark.parametrize("checkpoint", [1, 3, 100])
def test_checkpointing_changes_no_gradient(speech, name, checkpoint):
    gradients = []
    for k in (None, checkpoint):
        spec = magnitude(speech[:800], 64).requires_grad_()
        budget = 10 if ALGORITHMS[name].takes_start else 1
        wave = invert(
            spec, name, max_iter=budget, tol=0, window=hann(64), checkpoint=k, verbose=False
        ).wave
        wave.square().sum().backward()
        gradients.append(spec.grad)
    assert torch.allclose(*gradients, rtol=1e-9, atol=1e-12)
    assert gradients[0].abs().max() > 0


MEMORY = """
import torch
from torch_specinv import griffin_lim
torch.set_num_threads(1)
spec = torch.rand(257, 600).requires_grad_()
keywords = {"tol": 0, "eva_iter": 100, "window": torch.hann_window(512), "verbose": False}
keywords["backend"] = "torch"  # compiled code keeps less from the start
# the first use of checkpoints imports much of torch
griffin_lim(spec, 2, checkpoint=1, **keywords).sum().backward()
def peak():
    status = open("/proc/self/status").read()
    return int(status.partition("VmHWM:")[2].split()[0])
before = peak()
for checkpoint in (8, None):  # the peak never falls, so the one that is to be lower comes first
    griffin_lim(spec, 64, checkpoint=checkpoint, **keywords).sum().backward()
    print(peak() - before)
"""


def test_checkpointing_keeps_little(speech):
    """Segments are made again, so of their iterations nothing is kept."""

    def kept(checkpoint):
        sizes = []
        spec = magnitude(speech, 64).requires_grad_()
        with torch.autograd.graph.saved_tensors_hooks(
            lambda tensor: sizes.append(tensor.numel()) or tensor, lambda tensor: tensor
        ):
            invert(
                spec, "griffin_lim", max_iter=64, tol=0, eva_iter=64, window=hann(64),
                checkpoint=checkpoint, verbose=False,
            )  # fmt: skip
        return sum(sizes)

    assert 0 < kept(8) < 0.2 * kept(None)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_checkpointing_bounds_the_memory():
    """64 iterations in segments of 8 keep about 8 + 8 iterations instead of 64."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY],
        # with the default threshold the allocator keeps what is free, and the peak says little
        env={**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"},
        capture_output=True,
        text=True,
        check=True,
    )
    segments, whole = map(int, done.stdout.split())
    assert whole > 50_000  # kilobytes: much more than what varies
    assert segments < 0.45 * whole


def test_bad_checkpoint(clips):
    with pytest.raises(SpecInvError, match="checkpoint=0"):
        run(magnitude(clips), "admm", 4, checkpoint=0)
