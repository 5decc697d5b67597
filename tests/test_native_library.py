"""The compiled library: broken, missing, interrupted, given nonsense, and what it exports."""

from __future__ import annotations

import _ctypes
import dataclasses
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.native_cases import native_engine, needs_library, problem_of
from torch_specinv.algorithms import GriffinLim
from torch_specinv.native import library, sources
from torch_specinv.native import plan as plan_module

pytestmark = needs_library


def test_ctrl_c():
    """A key is heard while native code is at work, and nothing more is done."""
    code = """
import signal, torch, torch_specinv
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background ignores it
spec = torch.rand(513, 400)
print("go", flush=True)
try:
    torch_specinv.invert(spec, "griffin_lim", backend="native", max_iter=10**6, eva_iter=10**6,
                         tol=0, window=torch.hann_window(1024), init="zero", verbose=False)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "go\n"
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)  # minutes if it were not heard
    finally:
        process.kill()
    assert out == "interrupted\n"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere torch has no GNU OpenMP")
def test_it_works_on_the_threads_of_torch():
    """Others would share the cores with these, which stay awake between two operations."""
    code = """
import os, threading, torch, torch_specinv
torch.set_num_threads(2)
S, window, seen, done = torch.rand(257, 2000), torch.hann_window(512), set(), threading.Event()
def run():
    torch_specinv.griffin_lim(S, 200, backend="native", window=window, verbose=False)
def watch():
    while not done.wait(0.001):
        seen.update(os.listdir("/proc/self/task"))
watching = threading.Thread(target=watch)
watching.start()
run()
seen.clear()
before = os.listdir("/proc/self/task")
run()
print(seen == set(before))
done.set()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "True\n", done.stderr


def test_a_library_that_is_broken(tmp_path):
    file = tmp_path / "_lanes.so"
    assert "was not built" in library.missing(file)
    file.write_text("no library")
    # asked anew: what is said of a file is remembered
    assert "can't be loaded" in library.missing.__wrapped__(file)


class Library:
    """What a library says of itself."""

    def __init__(self, told=None, size=None):
        own = library.library()
        self.told = own.specinv_sources() if told is None else told
        self.size = own.specinv_size() if size is None else size

    def specinv_sources(self):
        return self.told

    def specinv_size(self):
        return self.size


def test_a_library_of_other_sources(tmp_path):
    assert library.of_these_sources(library.library())
    # it is told of torch's threads once, and not while they work
    assert library.library() is library.library(library.FILE)
    assert library.of_these_sources(Library())
    assert not library.of_these_sources(Library(size=7))
    assert not library.of_these_sources(Library(told=b"0" * 32))
    assert not library.of_these_sources(Library(told=b""))
    assert "other sources" in library.missing(Path(_ctypes.__file__))


def test_any_change_of_the_sources_is_seen(tmp_path):
    """Also one that leaves all structures as large as they were, such as rules that change places.

    An installation without sources has the note that the build wrote.
    """
    for file in library.FILE.parent.glob("*.[ch]*"):
        shutil.copy(file, tmp_path)
    assert library.of_these_sources(library.library(), tmp_path)
    file = tmp_path / "native.cpp"
    text = file.read_text("utf-8")
    changed = text.replace("PROJECT, RELAX,", "RELAX, PROJECT,")
    assert changed != text
    file.write_text(changed, "utf-8")
    assert not library.of_these_sources(library.library(), tmp_path)
    file.write_bytes(text.replace("\n", "\r\n").encode())
    assert library.of_these_sources(library.library(), tmp_path)
    (tmp_path / "lanes.h").rename(tmp_path / "roads.h")
    assert not library.of_these_sources(library.library(), tmp_path)

    for file in tmp_path.iterdir():
        file.unlink()
    assert library.of_these_sources(Library(told=b""), tmp_path)
    (tmp_path / sources.NOTE).write_text("0" * 32)
    assert not library.of_these_sources(library.library(), tmp_path)
    (tmp_path / sources.NOTE).write_text(library.library().specinv_sources().decode())
    assert library.of_these_sources(library.library(), tmp_path)


@pytest.mark.sanitized
@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("terms", lambda x: x + 10**6),
        ("places", lambda x: x - 1),
        ("places", lambda x: x + 10**6),
        ("fillings", lambda x: x + 1),
        ("sums", lambda x: x + 10**6),
        ("ranges", lambda x: x + 5),
    ],
)
def test_tables_that_do_not_fit_are_refused(field, change, monkeypatch):
    """Nothing outside of memory is ever touched, whatever Python might do."""
    problem, _ = problem_of(3000, {})
    right = plan_module.boundary_of

    def wrong(*arguments):
        edges = right(*arguments)
        return dataclasses.replace(edges, **{field: change(getattr(edges, field))})

    monkeypatch.setattr(plan_module, "boundary_of", wrong)
    with pytest.raises(AssertionError, match="do not fit"):
        native_engine(problem, GriffinLim(), 9)


def test_memory_that_is_missing(monkeypatch):
    problem, start = problem_of(3000, {})
    engine = native_engine(problem, GriffinLim(), 9)
    engine.plan._plan.threads = 2**45
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        engine.start(start)


@pytest.mark.skipif(not (shutil.which("nm") and shutil.which("objdump")), reason="no binutils")
def test_nothing_leaks_out_of_the_library():
    """Older processors run what is outside of the wide builds, and other libraries see nothing."""
    file = str(library.FILE)

    def tool(*command):
        return subprocess.run([*command, file], capture_output=True, text=True, check=True).stdout

    exported = {line.split()[-1] for line in tool("nm", "-D", "--defined-only").splitlines()}
    # what of the standard library was built along is the same everywhere
    own = {name for name in exported if not name.startswith("_Z")}
    calls = "carry check follow integrate lend lock pack push run size smooth sources supports"
    assert own == {f"specinv_{call}" for call in calls.split()}
    if "lanes8" not in tool("nm", "-C"):
        return
    functions = re.split(r"\n\n[0-9a-f]+ ", tool("objdump", "-d", "-C", "--no-show-raw-insn"))
    wide = {
        function.partition("\n")[0] for function in functions if re.search(r"%[yz]mm", function)
    }
    assert wide
    assert all(re.search(r"lanes(8|16)::|\[clone \.avx2|\.avx2", name) for name in wide), wide
