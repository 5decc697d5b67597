"""What happens to files and results when things go wrong: kills, full disks, interrupts, threads.

python benchmarks/faults.py [--kills 500] [--soak 60] [--every 1]

Every trial runs a command of the command line in a forked process, harms it, runs the same command
again, and compares the folder with that of a run that nobody harmed: the same files, the same
bytes, nothing beside them. Linux only. The table goes into docs/_measured_faults.md, which
docs/robustness.md explains.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import signal
import subprocess
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
from torch_specinv.comparing.table import table

OUTPUT = Path(__file__).parent.parent / "docs" / "_measured_faults.md"
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
        return finished and run.one_line() and contents(folder, self._same) == self._right


def kill_at(number: int) -> Callable[[], None]:
    """Return what kills this process before its file operation of that number."""
    count = [0]

    def operation(*_: object) -> None:
        count[0] += 1
        if count[0] == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in EVENTS and isinstance(arguments[0], (str, bytes, os.PathLike)):
            path = os.path.realpath(os.fsdecode(arguments[0]))
            if Path(path).is_relative_to(Path.cwd()):
                operation()

    def wrap(holder: object, name: str) -> None:
        function = getattr(holder, name)

        def wrapped(*arguments: object, **keywords: object) -> object:
            operation()
            return function(*arguments, **keywords)

        setattr(holder, name, wrapped)

    def before() -> None:
        # Python reports neither of these
        for holder, names in (
            (os, ("fsync",)),
            (soundfile.SoundFile, ("__init__", "write", "close")),
        ):
            for name in names:
                wrap(holder, name)
        sys.addaudithook(hook)

    return before


def kills_at_operations(name: str, work: Path, every: int = 1) -> tuple[int, int]:
    """Kill a command before each file operation; return how often, and how often it healed."""
    trial, tried, healed = Trial(name, work), 0, 0
    for number in range(1, 10_000, every):
        with trial.folder() as folder:
            if Run(folder, trial.command, kill_at(number)).wait() != -signal.SIGKILL:
                return tried, healed
            tried += 1
            healed += trial.heals(folder)
    raise AssertionError(f"{name} does not end")


def random_kills(count: int, work: Path, draw: random.Random) -> tuple[int, int]:
    """Kill commands at random moments, some of them several times; return kills and losses."""
    trials = [Trial(name, work) for name in COMMANDS if name != "demo"]
    kills = lost = 0
    while kills < count:
        trial = draw.choice(trials)
        with trial.folder() as folder:
            for _ in range(draw.randint(1, 3)):
                run = Run(folder, trial.command, nothing)
                time.sleep(draw.random() * trial.seconds)
                os.kill(run.pid, signal.SIGKILL)
                kills += run.wait() == -signal.SIGKILL
            lost += not trial.heals(folder)
    return kills, lost


def full_disk(name: str, size: int, work: Path) -> bool:
    """Let no file be larger than so many bytes; whether that is told, and healed."""

    def before() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    trial = Trial(name, work)
    with trial.folder() as folder:
        run = Run(folder, trial.command, before)
        told = run.wait() in (0, 1, 2) and run.one_line()
        return told and trial.heals(folder)


def full_tmpfs(name: str, size: int, work: Path) -> bool | None:
    """Run on a file system of so many bytes; None where none can be made."""
    trial = Trial(name, work)
    with trial.folder() as folder:
        options = ["-o", f"size={size}", "none", str(folder)]
        if subprocess.run(["mount", "-t", "tmpfs", *options], capture_output=True).returncode:
            return None
        try:
            trial.fill(folder)
            run = Run(folder, trial.command, nothing)
            told = run.wait() in (0, 1) and run.one_line()
            subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)
            return told and trial.heals(folder)
        finally:
            subprocess.run(["umount", str(folder)], check=True)


def interrupts(name: str, count: int, work: Path, draw: random.Random) -> bool:
    """Send SIGINT so many times at random moments; whether the end is orderly, and healed."""
    trial = Trial(name, work)
    with trial.folder() as folder:
        run = Run(folder, trial.command, nothing)
        time.sleep(0.02 + draw.random() * 0.9 * trial.seconds)
        for _ in range(count):
            os.kill(run.pid, signal.SIGINT)
            time.sleep(draw.random() * 0.01)
        return run.wait() in (0, 1) and run.one_line() and trial.heals(folder)


def main() -> None:
    """Do all trials, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--every", type=int, default=1, help="of the file operations")
    parser.add_argument("--soak", type=float, default=60, help="seconds")
    arguments = parser.parse_args()
    quicken()
    from faults_in_process import loaders, soak, threads

    draw, rows = random.Random(0), []

    def tell(*row: object) -> None:
        rows.append([str(cell) for cell in row])
        print(rows[-1], flush=True)

    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for command in COMMANDS:
            tried, healed = kills_at_operations(command, work, arguments.every)
            tell(f"killed before each file operation: {command}", tried, healed)
        kills, lost = random_kills(arguments.kills, work, draw)
        tell("killed at random moments", kills, kills - lost)
        sizes = (0, 100, 1000, 5000, 10_000)
        names = [command for command in COMMANDS if command != "demo"]
        survived = [full_disk(command, size, work) for command in names for size in sizes]
        tell("no file larger than 0 to 10,000 bytes", len(survived), sum(survived))
        disks = [full_tmpfs(command, size, work) for command in names for size in (2**17, 2**18)]
        made = [disk for disk in disks if disk is not None]
        tell("a full file system (tmpfs)", len(made), sum(made))
        stormed = [
            interrupts(command, count, work, draw) for command in names for count in (1, 2, 20)
        ]
        tell("SIGINT, 1, 2 and 20 times", len(stormed), sum(stormed))
    tell("DataLoader, forked and spawned, after use in the parent", *loaders())
    tell("8 threads at once, results bit for bit", *threads())
    calls, leak = soak(arguments.soak)
    tell(f"soak: resident memory grows by {max(leak, 0):.2f} kB a call", calls, calls)
    OUTPUT.write_text(table(["what was done", "tried", "survived"], rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
