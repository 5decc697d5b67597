"""What a second thread gains, on an idle machine and beside a process that never rests.

python benchmarks/threads.py [--rounds 9] [--threads 2]

Iterations of fast Griffin-Lim by themselves, and whole calls with the start that they have by
default, with one thread and with more, interleaved; wall-clock, medians. All of it once as torch's
threads are by default, awake for a while after each operation, and once asleep as soon as they have
nothing to do, with OMP_WAIT_POLICY=passive, which is read when a process starts. The table goes
into docs/_measured_threads.md. The machine should be idle.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from speed_cases import SHAPES, Case

from torch_specinv import STFT, invert
from torch_specinv.comparing.setting import processor
from torch_specinv.comparing.signals import speech_like
from torch_specinv.comparing.table import table

OUTPUT = Path(__file__).parents[1] / "docs" / "_measured_threads.md"
CALLS = ((1, 1, "auto", 32), (1, 10, "griffin_lim", 32), (1, 10, "griffin_lim", 200),
         (1, 10, "auto", 32), (1, 10, "auto", 100), (1, 60, "auto", 32),
         (64, 1, "griffin_lim", 32))  # fmt: skip
Seconds = Callable[[], float]


def iterations() -> dict[str, Seconds]:
    """Return what measures an iteration, by shape."""
    found: dict[str, Seconds] = {}
    for shape in SHAPES[:4]:
        case = Case(shape)
        run = case.ours("griffin_lim", "native")
        found[f"iteration, {shape}"] = lambda case=case, run=run: case.pace(run)
    return found


def calls() -> dict[str, Seconds]:
    """Return what measures a whole call, by what it is called with."""
    found: dict[str, Seconds] = {}
    for batch, seconds, algorithm, count in CALLS:
        waves = torch.stack(
            [speech_like(22050, float(seconds)).roll(999 * i) for i in range(batch)]
        )
        keywords: dict[str, Any] = {
            "n_fft": 1024,
            "hop_length": 256,
            "window": torch.hann_window(1024),
        }
        magnitude = STFT.of_wave(waves, **keywords)(waves)

        def clock(
            magnitude: torch.Tensor = magnitude,
            algorithm: str = algorithm,
            count: int = count,
            length: int = waves.shape[-1],
        ) -> float:
            began = time.perf_counter()
            invert(magnitude, algorithm, max_iter=count, length=length, verbose=False,
                   window=torch.hann_window(1024))  # fmt: skip
            return time.perf_counter() - began

        found[f"call, {batch} x {seconds} s, {algorithm}, {count} iterations"] = clock
    return found


@contextmanager
def company(busy: bool) -> Generator[None]:
    """Keep all cores but one busy, if that is asked for."""
    count = (os.cpu_count() or 1) - 1 if busy else 0
    others = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"], stdin=subprocess.DEVNULL)
        for _ in range(count)
    ]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def gains(rounds: int, threads: int) -> dict[str, list[float]]:
    """Return how many times as fast more threads are, on an idle machine and beside others."""
    found: dict[str, list[float]] = {}
    measured = {**iterations(), **calls()}
    for busy in (False, True):
        with company(busy):
            for name, clock in measured.items():
                times: dict[int, list[float]] = {1: [], threads: []}
                for _ in range(rounds):
                    for count, own in times.items():
                        torch.set_num_threads(count)
                        clock()
                        own.append(clock())
                one, more = (statistics.median(own) for own in times.values())
                found.setdefault(name, []).append(one / more)
                print(name, f"busy: {busy}, {one / more:.2f}x", file=sys.stderr)
    return found


def main() -> None:
    """Measure in two processes, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here:
        print(json.dumps(gains(given.rounds, given.threads)))
        return
    command = [sys.executable, *sys.argv, "--here"]
    found: list[dict[str, list[float]]] = []
    for policy in ({}, {"OMP_WAIT_POLICY": "passive"}):
        done = subprocess.run(
            command, env={**os.environ, **policy}, stdout=subprocess.PIPE, text=True, check=True
        )
        found.append(json.loads(done.stdout))
    default, passive = found
    rows = [
        [name, *(f"{gain:.2f}x" for gain in (*default[name], *passive[name]))] for name in default
    ]
    header = ["", "idle", "others busy", "idle, passive", "others busy, passive"]
    OUTPUT.write_text(
        f"{table(header, rows)}\n\n{processor()}, {os.cpu_count()} cores, {given.threads} threads; "
        f"medians of {given.rounds} rounds.\n",
        encoding="utf-8",
    )
    print(OUTPUT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
