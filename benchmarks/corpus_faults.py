"""Kill runs of a corpus at random moments: workers, the driver, everything; and run them again.

python benchmarks/corpus_faults.py [--loop 120] [--workers 50] [--drivers 25] [--everything 5]

After each kill no file under its final name may differ from that of a run that nobody harmed. After
the run that follows, all items have to be there, each with one row in the journals, and the
manifest has to agree with the files. Linux only. The table goes into
docs/_measured_corpus_faults.md.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from fault_trial import Run, nothing
from faults import kill_at

from torch_specinv.cli import main as specinv
from torch_specinv.comparing.table import table
from torch_specinv.corpus import verify_corpus

OUTPUT = Path(__file__).parent.parent / "docs" / "_measured_corpus_faults.md"
ITEMS, BATCH = 60, 4
#: Items that two workers may have at a time, finished ones of which the driver has not heard.
IN_RAY = 60
COMMAND = ["corpus", "in", "-o", "out", "--sr", "8000", "--max-iter", "30", "--batch", str(BATCH),
           "--quiet"]  # fmt: skip


def make_input(folder: Path, items: int = ITEMS) -> None:
    """Write magnitudes."""
    generator = np.random.default_rng(0)
    (folder / "in").mkdir(parents=True)
    for i in range(items):
        np.save(folder / "in" / f"{i:04}", generator.random((129, 60 + i % 7), np.float32))


def waves(folder: Path) -> dict[str, bytes]:
    """Return the files under their final names."""
    return {path.name: path.read_bytes() for path in (folder / "out").glob("*.wav")}


def journalled(folder: Path) -> list[str]:
    """Return the keys of all lines of the journals."""
    lines = [
        line
        for path in (folder / "out" / "_corpus").glob("rows-*.jsonl")
        for line in path.read_bytes().split(b"\n")[:-1]
    ]
    return [json.loads(line)["key"] for line in lines]


class Tally:
    """What was lost, doubled or corrupt, and how often items were computed again."""

    def __init__(self, right: dict[str, bytes]) -> None:
        self.right, self.kills, self.bad, self.again = right, 0, 0, 0

    def look(self, folder: Path, at_work: int) -> None:
        """Look at what a kill left: whole files, each row once, few files without a row."""
        found = waves(folder)
        rows = journalled(folder)
        corrupt = any(content != self.right[name] for name, content in found.items())
        doubled = len(set(rows)) < len(rows)
        lost = any(f"{key}.wav" not in found for key in rows)
        again = len(found) - len(rows)
        self.kills += 1
        self.again += again
        if corrupt or doubled or lost or again > at_work:
            print("corrupt", corrupt, "doubled", doubled, "lost", lost, "again", again)
        self.bad += corrupt or doubled or lost or again > at_work

    def end(self, folder: Path) -> None:
        """Look at what the last run left, which nobody harmed."""
        rows = journalled(folder)
        found = verify_corpus(folder / "out", closely=True)
        complete = waves(folder) == self.right and found.count == 0
        if not complete or len(set(rows)) < len(rows) or len(rows) != len(self.right):
            print("not complete:", found, len(rows))
            self.bad += 1


def by_operation(right: dict[str, bytes], work: Path, every: int) -> Tally:
    """Kill the process of the loop before each file operation."""
    tally = Tally(right)
    for number in range(1, 100_000, every):
        folder = Path(tempfile.mkdtemp(dir=work))
        make_input(folder)
        command = [*COMMAND, "--engine", "loop"]
        if Run(folder, command, kill_at(number)).wait() != -signal.SIGKILL:
            return tally
        tally.look(folder, BATCH)
        assert Run(folder, command, nothing).wait() == 0
        tally.end(folder)
    return tally


def in_loop(count: int, right: dict[str, bytes], work: Path, draw: random.Random) -> Tally:
    """Kill the process of the loop at random moments, up to four times in a run."""
    tally, command = Tally(right), [*COMMAND, "--engine", "loop"]
    while tally.kills < count:
        folder = Path(tempfile.mkdtemp(dir=work))
        make_input(folder)
        for _ in range(4):
            run = Run(folder, command, nothing)
            time.sleep(draw.random() * 1.0)
            os.kill(run.pid, signal.SIGKILL)
            if run.wait() != -signal.SIGKILL:
                break
            tally.look(folder, BATCH)
        assert Run(folder, command, nothing).wait() == 0
        tally.end(folder)
    return tally


def workers_now() -> list[int]:
    """Return the processes of this machine in which batches are inverted."""
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"ray::MapWorker" in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def on_ray(folder: Path) -> subprocess.Popen[bytes]:
    """Start a run on the Ray that is there."""
    return subprocess.Popen(
        [sys.executable, "-m", "torch_specinv", *COMMAND, "--engine", "ray", "--workers", "2"],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def begun(folder: Path, run: subprocess.Popen[bytes]) -> bool:
    """Wait for the first row."""
    while run.poll() is None:
        if (folder / "out" / "_corpus" / "rows-1-of-1.jsonl").exists() and journalled(folder):
            return True
        time.sleep(0.05)
    return False


def kill_workers(count: int, right: dict[str, bytes], work: Path, draw: random.Random) -> Tally:
    """Kill workers while a run goes on, which has to end without being run again."""
    tally = Tally(right)
    while tally.kills < count:
        folder = Path(tempfile.mkdtemp(dir=work))
        make_input(folder, len(right))
        run = on_ray(folder)
        begun(folder, run)
        while run.poll() is None and tally.kills < count:
            time.sleep(draw.random() * 1.5)
            for pid in draw.sample(workers_now(), 1) if workers_now() else []:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
                tally.look(folder, len(right))  # they are on their way to the driver
        assert run.wait() == 0, run.stderr.read()
        tally.end(folder)
    return tally


def kill_drivers(count: int, right: dict[str, bytes], work: Path, draw: random.Random) -> Tally:
    """Kill the process that was started, while Ray and its workers go on for a moment."""
    tally = Tally(right)
    while tally.kills < count:
        folder = Path(tempfile.mkdtemp(dir=work))
        make_input(folder, len(right))
        for _ in range(5):
            run = on_ray(folder)
            begun(folder, run)
            time.sleep(draw.random() * 1.0)
            run.kill()
            if run.wait() != -signal.SIGKILL:
                break
            tally.look(folder, IN_RAY)
        run = on_ray(folder)
        assert run.wait() == 0, run.stderr.read()
        tally.end(folder)
    return tally


def kill_everything(count: int, right: dict[str, bytes], work: Path, draw: random.Random) -> Tally:
    """Kill the driver and the whole of Ray, at any moment from its start on."""
    tally = Tally(right)
    for _ in range(count):
        folder = Path(tempfile.mkdtemp(dir=work))
        make_input(folder, len(right))
        environment = {k: v for k, v in os.environ.items() if k != "RAY_ADDRESS"}
        command = [sys.executable, "-m", "torch_specinv", *COMMAND, "--engine", "ray"]
        run = subprocess.Popen(
            command, cwd=folder, env=environment, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        begun(folder, run)
        time.sleep(draw.random() * 2.0)
        for pid in descendants(run.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        run.wait()
        tally.look(folder, IN_RAY)
        # where there is no Ray, it continues without
        assert Run(folder, [*COMMAND, "--engine", "loop"], nothing).wait() == 0
        tally.end(folder)
    return tally


def descendants(pid: int) -> list[int]:
    """Return a process and all that it has started."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            rest = path.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(rest[1]), []).append(int(path.parent.name))
    found = [pid]
    for each in found:
        found += parents.get(each, [])
    return found


def main() -> int:
    """Do all trials, write the table, and return how many were not survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loop", type=int, default=120)
    parser.add_argument("--workers", type=int, default=50)
    parser.add_argument("--drivers", type=int, default=25)
    parser.add_argument("--everything", type=int, default=5)
    parser.add_argument("--every", type=int, default=7, help="of the file operations")
    parser.add_argument("--quick", action="store_true", help="the loop alone, and no table")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.loop, arguments.every = 8, 101
        arguments.workers = arguments.drivers = arguments.everything = 0
    draw, rows, bad = random.Random(0), [], 0
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        make_input(work / "right")
        os.chdir(work / "right")
        assert specinv([*COMMAND, "--engine", "loop"]) == 0  # forks begin warm
        right = waves(work / "right")

        def tell(what: str, tally: Tally) -> None:
            nonlocal bad
            bad += tally.bad
            rows.append([what, str(tally.kills), str(tally.bad), str(tally.again)])
            print(rows[-1], flush=True)

        tell("the process, before file operations", by_operation(right, work, arguments.every))
        tell("the process, at random", in_loop(arguments.loop, right, work, draw))
        if arguments.everything:
            tell("Ray and the driver", kill_everything(arguments.everything, right, work, draw))
        if arguments.workers or arguments.drivers:
            with_ray(arguments, right, work, draw, tell)
    if not arguments.quick:
        text = table(["what was killed", "kills", "not survived", "files written again"], rows)
        OUTPUT.write_text(f"{text}\n", encoding="utf-8")
    return bad


def with_ray(arguments: Any, right: Any, work: Path, draw: random.Random, tell: Any) -> None:
    """Start Ray, and kill workers and drivers that use it."""
    import ray

    context = ray.init(num_cpus=2, include_dashboard=False, object_store_memory=100 * 2**20,
                       log_to_driver=False, logging_level="ERROR")  # fmt: skip
    os.environ["RAY_ADDRESS"] = context.address_info["gcs_address"]
    threading.Event().wait(1)
    tell("workers", kill_workers(arguments.workers, right, work, draw))
    tell("the driver", kill_drivers(arguments.drivers, right, work, draw))
    ray.shutdown()


if __name__ == "__main__":
    sys.exit(main())
