"""Threads: they change nothing but the time, and are left as they were."""

from __future__ import annotations

import threading

import pytest
import torch

from tests.cases import SmallChunks, after, problem_of, with_threads
from tests.conftest import hann, magnitude
from torch_specinv import invert
from torch_specinv.engines import ENGINES
from torch_specinv.solve import ALGORITHMS
from torch_specinv.solve.threads import worker_threads


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("items", [1, 2, 5])
@pytest.mark.parametrize(("name", "hop"), [("griffin_lim", 50), ("amdr", 50), ("raar", 2)])
def test_threads_change_nothing_but_the_time(name, hop, items, threads):
    """Segments of one item and of several, whole items, what is left over, overlaps of runs."""
    problem, start = problem_of(9001 if hop > 2 else 700, {"hop_length": hop}, items)

    def run():
        number = torch.get_num_threads()
        engine = SmallChunks(problem, ALGORITHMS[name](), 6)
        wave = after(engine, start, 6)
        assert torch.get_num_threads() == number
        assert engine.threads == number
        return wave

    waves = [with_threads(number, run) for number in (1, threads)]
    assert (waves[0] - waves[1]).abs().max() < 1e-10


def test_a_fault_in_a_thread_is_reported_and_threads_are_as_before():
    before = torch.get_num_threads()
    done = []

    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), worker_threads(3) as team:
        team([lambda: done.append(torch.get_num_threads()), fail, lambda: done.append(1)])
    assert done == [1, 1]
    assert torch.get_num_threads() == before


def test_threads_in_inference_mode(clips, monkeypatch):
    monkeypatch.setitem(ENGINES, "chunked", SmallChunks)
    run = {"window": hann(256), "max_iter": 3, "verbose": False}

    def fast():
        with torch.inference_mode():
            return invert(magnitude(clips), "griffin_lim", backend="chunked", **run).wave

    plain = invert(magnitude(clips), "griffin_lim", backend="torch", **run).wave
    assert (with_threads(2, fast) - plain).abs().max() < 1e-10


def test_teams_at_once_leave_the_threads_as_they_were():
    def teams():
        gate, seen = threading.Barrier(2), []

        def work(first):
            if not first:
                gate.wait()
            with worker_threads(1):
                if first:
                    gate.wait()
                gate.wait()
            gate.wait()

        workers = [threading.Thread(target=work, args=(first,)) for first in (True, False)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        late = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        late.start()
        late.join()
        assert seen == [2]

    with_threads(2, teams)
