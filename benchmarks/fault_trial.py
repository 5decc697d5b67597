"""What faults.py harms: commands in processes of their own, and the folders that they end with."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import soundfile
import torch

from torch_specinv.cli import main as specinv
from torch_specinv.comparing import demo

ARRAY = ["--sr", "8000", "--max-iter", "2", "--quiet"]
#: The commands, each with whether its files are the same bytes every time.
COMMANDS: dict[str, tuple[list[str], bool]] = {
    "invert": (["invert", "one.npy", "-o", "out.wav", *ARRAY], True),
    "invert, 3 files": (["invert", "three.npy", "-o", "out.flac", *ARRAY], True),
    "invert --force": (["invert", "one.npy", "-o", "old.ogg", "--force", *ARRAY], True),
    "invert-long": (["invert-long", "long.npy", "-o", "out.wav", "--piece", "30", *ARRAY], True),
    "invert-long --force": (
        ["invert-long", "long.npy", "-o", "old.ogg", "--piece", "60", "--force", *ARRAY], True,
    ),
    "compare": (
        ["compare", "in.wav", "--methods", "griffin_lim", "--iterations", "1,2", "--n-fft", "64"],
        False,
    ),
    "report": (
        ["report", "in.wav", "-o", "page.html", "--methods", "griffin_lim", "--max-iter", "1",
         "--n-fft", "64", "--csv", "values.csv", "--latex", "means.tex"],
        False,
    ),
    "demo": (["demo", "--folder", "demo", "--max-iter", "1", "--sr", "8000"], False),
}  # fmt: skip
#: What Python reports of files before it happens.
EVENTS = {"open", "os.remove", "os.rename", "os.link", "os.mkdir", "os.rmdir", "os.truncate"}


def make_inputs(folder: Path) -> None:
    """Write what the commands read, and a file that is overwritten."""
    generator = np.random.default_rng(0)
    np.save(folder / "one.npy", generator.random((33, 60), np.float32))
    np.save(folder / "three.npy", generator.random((3, 33, 40), np.float32))
    np.save(folder / "long.npy", generator.random((33, 200), np.float32))
    soundfile.write(folder / "in.wav", generator.standard_normal(3000) / 10, 8000)
    soundfile.write(folder / "old.ogg", np.zeros(100), 8000)


def quicken() -> None:
    """Have one thread, make the demo a short one, and run each command once: forks begin warm."""
    torch.set_num_threads(1)
    name, make = next(iter(demo.CLIPS.items()))
    vars(demo)["CLIPS"] = {name: lambda sr: make(sr=sr, seconds=0.3)}
    vars(demo)["ALGORITHMS"] = {n: demo.ALGORITHMS[n] for n in ("griffin_lim", "amdr")}
    here = Path.cwd()
    with (
        tempfile.TemporaryDirectory() as folder,
        redirect_stdout(StringIO()) as said,
        redirect_stderr(said),
    ):
        os.chdir(folder)
        make_inputs(Path(folder))
        for command, _ in COMMANDS.values():
            specinv(command)
        os.chdir(here)


class Run:
    """A command in a process of its own, in a folder."""

    def __init__(self, folder: Path, command: list[str], before: Callable[[], None]) -> None:
        self._said, theirs = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            code = 99
            try:
                os.chdir(folder)
                for number, name in ((1, "stdout"), (2, "stderr")):
                    os.dup2(theirs, number)
                    setattr(sys, name, os.fdopen(number, "w", buffering=1))
                sys.argv = ["specinv", *command]
                before()
                code = specinv()
            except SystemExit as error:
                code = int(error.code or 0)
            except BaseException as error:
                os.write(2, f"Traceback of {error!r}".encode())
            finally:
                os._exit(code)
        os.close(theirs)

    def wait(self) -> int:
        """Return the exit code, or minus the signal."""
        with os.fdopen(self._said, "rb") as file:
            self.said = file.read()
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def one_line(self) -> bool:
        """Whether there is no traceback in what was said."""
        return b"Traceback" not in self.said


def nothing() -> None:
    """Harm nothing."""


def contents(folder: Path, same: bool) -> dict[str, bytes]:
    """Return all files of a folder, with their bytes where these are the same every time."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() if same else b"" for path in files}


class Trial:
    """A command, the folder that it ends with, and how often it was harmed and survived."""

    def __init__(self, name: str, work: Path) -> None:
        self.command, self._same = COMMANDS[name]
        self._work, self._inputs = work, work / "inputs"
        if not self._inputs.exists():
            self._inputs.mkdir()
            make_inputs(self._inputs)
        with self.folder() as folder:
            began = time.perf_counter()
            assert Run(folder, self.command, nothing).wait() == 0
            self.seconds = time.perf_counter() - began
            self._right = contents(folder, self._same)

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Yield a new folder with the inputs."""
        folder = Path(tempfile.mkdtemp(dir=self._work))
        try:
            self.fill(folder)
            yield folder
        finally:
            shutil.rmtree(folder)

    def fill(self, folder: Path) -> None:
        """Copy the inputs."""
        shutil.copytree(self._inputs, folder, dirs_exist_ok=True)

    def heals(self, folder: Path) -> bool:
        """Whether the same command, not harmed, ends with the right folder."""
        run = Run(folder, self.command, nothing)
        code = run.wait()
        # 2: it was complete before, and is not overwritten
        finished = code == 0 or (code == 2 and b"exists already" in run.said)
        return finished and run.one_line() and self.is_right(folder)

    def is_right(self, folder: Path) -> bool:
        """Whether a folder is that of a run that nobody harmed."""
        return contents(folder, self._same) == self._right
