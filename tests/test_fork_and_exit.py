"""Forked children, and the time when the interpreter is about to exit: everything works there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

import torch_specinv
from torch_specinv.helpers import Helpers
from torch_specinv.solve import threads

START = """
import atexit, os, signal, sys, threading, time, torch, torch_specinv
torch.set_num_threads(2)
S = torch.rand(257, 420, generator=torch.manual_seed(0))
def run(backend, max_iter=20):
    return torch_specinv.griffin_lim(S, max_iter, backend=backend, window=torch.hann_window(512),
                                     init="zero", verbose=False)
"""


def python(code, timeout=60):
    """Run code in an interpreter of its own, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", START + code], capture_output=True, text=True, timeout=timeout
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout.split()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.parametrize("backend", ["chunked", "auto", "torch"])
def test_a_child_forked_amid_the_runs_of_another_thread(backend):
    """As the workers of a DataLoader are, which set torch to one thread."""
    out = python(f"""
run("{backend}", 1), run("chunked", 1)  # all is imported
stop = threading.Event()
def busy():
    while not stop.is_set():
        run("chunked", 50)
thread = threading.Thread(target=busy)
thread.start()
for _ in range(3):
    time.sleep(0.1)
    if os.fork() == 0:
        signal.alarm(50)  # it ends whatever happens
        torch.set_num_threads(1)
        same = torch.equal(run("{backend}"), run("{backend}"))
        print(same, torch.get_num_threads(), flush=True)
        os._exit(0)
    os.wait()
stop.set()
thread.join()
""")
    assert out == ["True", "1"] * 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_child_has_threads_of_its_own():
    """Compiled code has worked on two threads before, which the child has not."""
    out = python("""
from unittest.mock import patch
before = run("native")
if os.fork() == 0:
    signal.alarm(50)
    torch.set_num_threads(1)  # torch's own operations would wait for the lost threads
    with patch("torch.get_num_threads", return_value=2):
        print(torch.equal(run("native"), before), flush=True)
    os._exit(0)
os.wait()
""")
    assert out == ["True"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_child_forked_while_another_thread_computes_a_property():
    """Whose lock, if there were one, the child would wait for in vain."""
    out = python("""
from torch_specinv.forks import cached_property
class Slow:
    def __init__(self, seconds):
        self.seconds = seconds
    @cached_property
    def value(self):
        time.sleep(self.seconds)
        return self.seconds
slow = Slow(3)
thread = threading.Thread(target=lambda: slow.value)
thread.start()
time.sleep(0.1)
if os.fork() == 0:
    signal.alarm(30)
    quick = Slow(0)
    print(quick.value, quick.value is vars(quick)["value"], flush=True)
    os._exit(0)
os.wait()
thread.join()
print(slow.value, vars(slow))
""")
    assert out == ["0", "True", "3", "{'seconds':", "3,", "'value':", "3}"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_child_forked_amid_a_lock():
    """It is born when nobody holds it, so that it may take it too."""
    out = python("""
from torch_specinv.forks import lock_for_forks
lock = lock_for_forks()
def hold():
    with lock:
        time.sleep(1)
thread = threading.Thread(target=hold)
thread.start()
time.sleep(0.1)
if os.fork() == 0:
    print(lock.acquire(timeout=5), flush=True)
    os._exit(0)
os.wait()
thread.join()
print(lock.acquire(timeout=5))
""")
    assert out == ["True", "True"]


def test_nothing_computes_properties_under_the_lock_of_functools():
    """All instances of a class share it, up to Python 3.11."""
    package = Path(torch_specinv.__file__).parent
    guilty = [
        p for p in package.rglob("*.py") if re.search(r"functools.*cached_prop", p.read_text())
    ]
    assert [path.name for path in guilty] == ["forks.py"]  # its docstring


@pytest.mark.parametrize("backend", ["chunked", "auto"])
def test_at_exit(backend):
    out = python(f"""
atexit.register(lambda: print(bool(torch.isfinite(run("{backend}", 30)).all()), flush=True))
""")
    assert out == ["True"]


@pytest.mark.parametrize("backend", ["chunked", "auto"])
def test_a_daemon_thread_at_exit(backend):
    """It works as long as the interpreter does; what torch does after that is torch's business."""
    out = python(f"""
stop, done = threading.Event(), threading.Event()
def busy():
    try:
        while not stop.is_set():
            run("{backend}", 30)
    except BaseException as error:
        print("raised", error, flush=True)
    done.set()
def last():
    time.sleep(0.5)
    stop.set()
    print(done.wait(50), flush=True)
threading.Thread(target=busy, daemon=True).start()
atexit.register(last)
""")
    assert out == ["True"]


def test_a_child_forgets_who_holds_the_threads():
    own = threads._Threads()
    before = torch.get_num_threads()
    own.take()
    own._lock.acquire()
    own.forget()
    own.take()
    own.give_back()
    assert (own._holders, torch.get_num_threads()) == (0, 1)
    torch.set_num_threads(before)


def test_helpers(monkeypatch):
    with Helpers(2) as helpers:
        names = {helpers.submit(threading.get_ident).result() for _ in range(20)}
        assert threading.get_ident() not in names
        assert 1 <= len(names) <= 2
        with pytest.raises(ZeroDivisionError):
            helpers.submit(lambda: 1 / 0).result()
    assert not {thread.ident for thread in threading.enumerate()} & names

    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with Helpers(2) as helpers:
        assert helpers.submit(threading.get_ident).result() == threading.get_ident()
    with threads.worker_threads(3) as workers:
        assert workers([lambda i=i: i for i in range(3)]) == [0, 1, 2]
