"""How long a corpus takes in one process, on Ray, and clip by clip; and how much memory.

python benchmarks/corpus.py [--clips 2000] [--shell 20] [--tiny 1000 100000]

Clips of four seconds at 16 kHz, made as in comparing/signals.py, are inverted from their magnitude
by "auto" in 32 iterations. Every run is a process of its own (Linux only). Times are those of the
clock, which other work on the machine lengthens, and of the CPU, of all processes without what is
done once. The table goes into docs/_measured_corpus.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from torch_specinv import STFT
from torch_specinv.comparing.signals import CLIPS
from torch_specinv.comparing.table import table
from torch_specinv.corpus import invert_corpus
from torch_specinv.corpus import run as corpus_run
from torch_specinv.corpus.progress import Progress

OUTPUT = Path(__file__).parent.parent / "docs" / "_measured_corpus.md"
SR, SECONDS = 16000, 4.0


def make_clips(folder: Path, count: int) -> None:
    """Write magnitudes of as many clips; the sounds of a few, each turned up or down."""
    folder.mkdir()
    stft = None
    kinds = [make(sr=SR, seconds=SECONDS, seed=i) for make in CLIPS.values() for i in range(4)]
    for i in range(count):
        wave = kinds[i % len(kinds)].roll(331 * i).float() * (0.3 + 0.7 * (i % 7) / 7)
        stft = stft or STFT.of_wave(wave, n_fft=1024, window=torch.hann_window(1024))
        np.save(folder / f"{i:06}", stft(wave).numpy())


def make_tiny(folder: Path, count: int) -> None:
    """Write as many magnitudes of next to nothing, a thousand in a folder."""
    array = np.random.default_rng(0).random((9, 6), np.float32)
    for i in range(count):
        if i % 1000 == 0:
            (folder / f"{i // 1000:03}").mkdir(parents=True)
        np.save(folder / f"{i // 1000:03}" / f"{i:06}", array)


def resident(field: str) -> float:
    """Return the memory of this process, now or at its peak, in MB."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def cpu_seconds() -> float:
    """Return the CPU time of this process, and of all workers of Ray on this machine."""
    used = 0
    for path in Path("/proc").glob("[0-9]*"):
        try:
            command = (path / "cmdline").read_bytes()
            fields = (path / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        ours = any(word in command for word in (b"ray::", b"raylet", b"gcs_server"))
        if ours or int(path.name) == os.getpid():
            used += int(fields[11]) + int(fields[12])
    return used / os.sysconf("SC_CLK_TCK")


def slope(seen: list[tuple[int, float]]) -> float:
    """Return the seconds of CPU an item, without what is done once."""
    end = max(range(len(seen)), key=lambda i: seen[i][1])  # workers end before the last rows come
    items, cpu = zip(*seen[: end + 1], strict=True)
    return float(np.polyfit(items, cpu, 1)[0]) if end > 1 else 0.0


def run(settings: dict[str, Any]) -> None:
    """Invert a corpus; print what it took."""
    torch.set_num_threads(1)
    add, seen = Progress.add, list[tuple[int, float]]()

    def adding(self: Progress, rows: Any) -> None:
        add(self, rows)
        seen.append((self.items, cpu_seconds()))

    vars(corpus_run)["Progress"].add = adding
    began = time.perf_counter()
    result = invert_corpus(verbose=False, **settings)
    print(json.dumps({
        "seconds": result.seconds, "whole": time.perf_counter() - began, "first": result.first,
        "cpu": slope(seen), "peak": resident("VmHWM"), "done": result.done,
    }))  # fmt: skip


def measure(**settings: Any) -> dict[str, float]:
    """Run in a process of its own."""
    command = [sys.executable, __file__, "--run", json.dumps(settings)]
    out = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(out.stdout.splitlines()[-1])
    print(settings.get("engine"), settings.get("workers"), found, flush=True)
    return found


def shell_loop(folder: Path, count: int) -> float:
    """Return the seconds a clip takes with a process for each."""
    files = sorted(folder.iterdir())[:count]
    began = time.perf_counter()
    for file in files:
        subprocess.run(
            [sys.executable, "-m", "torch_specinv", "invert", file, "-o", f"{file}.wav",
             "--sr", str(SR), "--max-iter", "32", "--quiet"], check=True, capture_output=True,
        )  # fmt: skip
    return (time.perf_counter() - began) / len(files)


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=2000)
    parser.add_argument("--shell", type=int, default=20)
    parser.add_argument("--tiny", type=int, nargs="*", default=[1000, 100_000])
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--run", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        run(json.loads(arguments.run))
        return
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory() as name:
        work, clips = Path(name), arguments.clips
        make_clips(work / "clips", clips)
        common = {"inputs": str(work / "clips"), "sr": SR, "max_iter": 32}

        def best(engine: str, workers: int | None) -> dict[str, float]:
            tries = [
                measure(output=f"{work}/{engine}{workers}{i}", engine=engine, workers=workers,
                        **common)
                for i in range(arguments.repeats)
            ]  # fmt: skip
            return min(tries, key=rate)

        def rate(found: dict[str, float]) -> float:
            """Return seconds a clip, from the first result on."""
            return (found["seconds"] - found["first"]) / (clips - 16)

        loop, one, two = best("loop", None), best("ray", 1), best("ray", 2)
        shell = shell_loop(work / "clips", arguments.shell)

        def tell(what: str, value: str, asked: str = "") -> None:
            rows.append([what, value, asked or "-"])
            print(rows[-1], flush=True)

        each = rate(loop)
        tell(f"one process, {clips} clips of 4 s: ms a clip", f"{1000 * each:.1f}")
        tell("a process for each clip: ms a clip", f"{1000 * shell:.0f}")
        tell("Ray, 2 workers, from the first result on: ms a clip", f"{1000 * rate(two):.1f}")
        tell("Ray, 2 workers, against one process", f"{each / rate(two):.2f} x", ">= 1.8 x")
        for what, found in (("one process", loop), ("Ray, 1 worker", one), ("Ray, 2 workers", two)):
            tell(f"{what}, all processes: ms of CPU a clip", f"{1000 * found['cpu']:.1f}")
        whole = two["seconds"] / clips
        tell("Ray, 2 workers, with its start: ms a clip", f"{1000 * whole:.1f}")
        tell("the same against a process a clip", f"{shell / whole:.1f} x", ">= 12 x")
        more = rate(one) / each - 1
        tell("Ray, 1 worker, more than one process", f"{100 * more:+.0f} %", "<= 15 %")
        tell("first result on Ray", f"{two['first']:.0f} s", "<= 30 s")
        peaks: list[float] = []
        for count in arguments.tiny:
            make_tiny(work / f"tiny{count}", count)
            found = measure(
                inputs=f"{work}/tiny{count}", output=f"{work}/made{count}", engine="loop", sr=8000,
                max_iter=1, algorithm="griffin_lim", init="zero", format="tar", tol=0,
            )  # fmt: skip
            peaks.append(found["peak"])
            tell(f"memory at the peak, {count:,} items", f"{found['peak']:.0f} MB")
        if len(peaks) > 1:
            tell(
                "more memory for all of them", f"{100 * (peaks[-1] / peaks[0] - 1):+.1f} %", "10 %"
            )
    header = ["measured", "value", "asked for"]
    OUTPUT.write_text(table(header, rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
