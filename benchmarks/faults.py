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
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import soundfile
from fault_trial import COMMANDS, EVENTS, Run, Trial, nothing, quicken

from torch_specinv.comparing.table import table

OUTPUT = Path(__file__).parent.parent / "docs" / "_measured_faults.md"


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
    """Let no file be larger than so many bytes; whether it is told, if needed, and healed."""

    def before() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    trial = Trial(name, work)
    with trial.folder() as folder:
        run = Run(folder, trial.command, before)
        told = run.wait() == 1 or trial.is_right(folder)
        return told and run.one_line() and trial.heals(folder)


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
            told = (run.wait() == 1 or trial.is_right(folder)) and run.one_line()
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


def main() -> int:
    """Do all trials, write the table, and return how many were not survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--every", type=int, default=1, help="of the file operations")
    parser.add_argument("--soak", type=float, default=60, help="seconds")
    parser.add_argument("--quick", action="store_true", help="a subset in a minute, and no table")
    arguments = parser.parse_args()
    quick = arguments.quick
    if quick:
        arguments.kills, arguments.every, arguments.soak = 6, 11, 3
    quicken()
    from faults_in_process import loaders, soak, threads

    draw, rows, failed = random.Random(0), [], 0

    def tell(what: str, tried: int, survived: int) -> None:
        nonlocal failed
        failed += tried - survived
        rows.append([what, str(tried), str(survived)])
        print(rows[-1], flush=True)

    names = ["invert, 3 files", "invert-long", "report"] if quick else list(COMMANDS)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for command in names:
            tried, healed = kills_at_operations(command, work, arguments.every)
            tell(f"killed before each file operation: {command}", tried, healed)
        kills, lost = random_kills(arguments.kills, work, draw)
        tell("killed at random moments", kills, kills - lost)
        names = [command for command in names if command != "demo"]
        sizes = (0, 1000) if quick else (0, 100, 1000, 5000, 10_000)
        survived = [full_disk(command, size, work) for command in names for size in sizes]
        tell("no file larger than 0 to 10,000 bytes", len(survived), sum(survived))
        disks = [full_tmpfs(command, size, work) for command in names for size in (2**17, 2**18)]
        made = [disk for disk in disks if disk is not None]
        tell("a full file system (tmpfs)", len(made), sum(made))
        stormed = [
            interrupts(command, count, work, draw) for command in names for count in (1, 2, 20)
        ]
        tell("SIGINT, 1, 2 and 20 times", len(stormed), sum(stormed))
    tell("threads: 8 at once, results bit for bit", *threads())
    tell("DataLoader, forked and spawned, after use in the parent", *loaders())
    calls, leak = soak(arguments.soak)
    tell(f"soak: resident memory grows by {max(leak, 0):.2f} kB a call", calls, calls)
    if not quick:
        text = table(["what was done", "tried", "survived"], rows)
        OUTPUT.write_text(f"{text}\n", encoding="utf-8")
    return failed


if __name__ == "__main__":
    sys.exit(main())
