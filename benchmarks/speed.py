"""How long an iteration takes: our engines, peers, a plain loop, and the transforms alone.

python benchmarks/speed.py [--rounds 5] [--longest 600]

Everything runs interleaved, one after the other in each of the rounds, on one thread and on noise;
medians. An iteration's time is the difference between a long and a short run, divided by the
difference in iterations, so that what is done once does not count. Fast Griffin-Lim, unless said
otherwise. The tables go into docs/_measured_speed.md, the picture into docs/_static/speed.png, all
numbers into benchmarks/speed.json. Memory, and recordings of hours, are in long.py.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from plain_loop import plain_loop

from torch_specinv import STFT, invert
from torch_specinv.comparing import installed_peers
from torch_specinv.comparing.measure import processor
from torch_specinv.comparing.peers import versions
from torch_specinv.report import table

HERE = Path(__file__).parent
OUTPUT = HERE.parent / "docs" / "_measured_speed.md"
SHORT = 2
OTHERS = ("raar", "admm", "amdr")


class Shape(NamedTuple):
    """What is inverted."""

    batch: int
    seconds: float
    sr: int
    n_fft: int
    hop_length: int
    win_length: int

    def __str__(self) -> str:
        window = "" if self.win_length == self.n_fft else f", window {self.win_length}"
        return (
            f"{self.batch} x {self.seconds:g} s, {self.sr / 1000:g} kHz, "
            f"{self.n_fft}/{self.hop_length}{window}"
        )


SHAPES = (
    Shape(1, 10, 22050, 1024, 256, 1024),
    Shape(16, 10, 22050, 1024, 256, 1024),
    Shape(1, 30, 44100, 2048, 512, 2048),
    Shape(1, 5, 16000, 512, 128, 512),
    Shape(1, 10, 22050, 1024, 128, 1024),
    Shape(1, 10, 24000, 1200, 300, 1200),
    Shape(1, 10, 24000, 2048, 300, 1200),
)


class Case:
    """A shape with its magnitude, and everything that can iterate on it."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.keywords: dict[str, Any] = {
            "n_fft": shape.n_fft,
            "hop_length": shape.hop_length,
            "win_length": shape.win_length,
            "window": torch.hann_window(shape.win_length),
        }
        generator = torch.Generator().manual_seed(0)
        wave = torch.randn(shape.batch, round(shape.seconds * shape.sr), generator=generator)
        self.length = wave.shape[-1]
        self.stft = STFT.of_wave(wave, **self.keywords)
        self.magnitude = self.stft(wave)
        self.frames = shape.batch * self.magnitude.shape[-1]

    def ours(self, algorithm: str, backend: str) -> Callable[[int], object]:
        """Return a run of one of our methods, evaluated at its end alone."""

        def run(iterations: int) -> object:
            return invert(
                self.magnitude,
                algorithm,
                init="zero",
                max_iter=iterations,
                eva_iter=iterations,
                tol=0,
                backend=backend,
                length=self.length,
                verbose=False,
                **self.keywords,
            )

        return run

    def runs(self, algorithms: tuple[str, ...] = ()) -> dict[str, Callable[[int], object]]:
        """Return what can iterate on the magnitude."""
        found: dict[str, Callable[[int], object]] = {
            "chunked": self.ours("griffin_lim", "chunked"),
            "torch": self.ours("griffin_lim", "torch"),
            "plain loop": lambda n: plain_loop(
                self.magnitude, self.magnitude + 0j, n, self.length, **self.keywords
            ),
        }
        for name, peer in installed_peers().items():
            found[name] = lambda n, peer=peer: peer(self.magnitude, self.stft, n)
        return found | {name: self.ours(name, "chunked") for name in algorithms}

    def transforms(self) -> float:
        """Return seconds for each frame of a pair of transforms, in the cache."""
        frames = torch.randn(64, self.shape.n_fft)
        began = time.perf_counter()
        for _ in range(10):
            torch.fft.irfft(torch.fft.rfft(frames), self.shape.n_fft)
        return (time.perf_counter() - began) / (10 * len(frames))

    def pace(self, run: Callable[[int], object]) -> float:
        """Return seconds for each frame and iteration."""
        # enough iterations for a clock, and no more than patience allows
        more = max(8, min(64, 60_000 // self.frames))
        short, long = clock(run, SHORT), clock(run, SHORT + more)
        return (long - short) / (more * self.frames)

    def measure(self, rounds: int, algorithms: tuple[str, ...] = ()) -> dict[str, float]:
        """Return microseconds for each frame and iteration of everything, interleaved."""
        runs = self.runs(algorithms)
        times: dict[str, list[float]] = {name: [] for name in ("transforms", *runs)}
        for run in runs.values():
            run(1)
        for _ in range(rounds):
            times["transforms"].append(self.transforms())
            for name, run in runs.items():
                times[name].append(self.pace(run))
        return {name: 1e6 * statistics.median(values) for name, values in times.items()}


def clock(run: Callable[[int], object], iterations: int) -> float:
    """Return the seconds that a run takes."""
    began = time.perf_counter()
    run(iterations)
    return time.perf_counter() - began


def peers_table(found: dict[str, dict[str, float]]) -> str:
    """Return microseconds per frame and iteration, and how many times ours is faster."""
    names = [name for name in next(iter(found.values())) if name not in OTHERS]
    rows = []
    for shape, times in found.items():
        ours = times["chunked"]
        row = [shape]
        for name in names:
            ratio = "" if name in ("chunked", "transforms") else f" ({times[name] / ours:.1f}x)"
            row.append(f"{times[name]:.2f}{ratio}")
        rows.append([*row, f"{ours / times['transforms']:.2f}"])
    return table(["shape", *names, "chunked / transforms"], rows)


def methods_table(found: dict[str, dict[str, float]]) -> str:
    """Return what an iteration of other methods costs, in iterations of fast Griffin-Lim."""
    rows = [
        [shape, *(f"{times[name] / times['chunked']:.2f}" for name in OTHERS)]
        for shape, times in found.items()
    ]
    return table(["shape", *OTHERS], rows)


def scaling(rounds: int, longest: float) -> dict[str, float]:
    """Return microseconds per frame and iteration from one second on, and for batches."""
    sizes = [(1, seconds) for seconds in (1, 10, 60, 600, 3600) if seconds <= longest]
    sizes += [(batch, 10) for batch in (4, 16, 64)]
    found: dict[str, float] = {}
    for batch, seconds in sizes:
        case = Case(Shape(batch, seconds, 22050, 1024, 256, 1024))
        run = case.ours("griffin_lim", "chunked")
        run(1)
        paces = [case.pace(run) for _ in range(rounds)]
        found[f"{batch} x {seconds} s"] = 1e6 * statistics.median(paces)
    return found


def threads(rounds: int) -> dict[str, dict[int, float]]:
    """Return microseconds per frame and iteration with one thread and with more, interleaved."""
    counts = sorted({1, 2, min(os.cpu_count() or 1, 8)})
    found: dict[str, dict[int, float]] = {}
    for shape in SHAPES[:4]:
        case = Case(shape)
        run = case.ours("griffin_lim", "chunked")
        paces: dict[int, list[float]] = {count: [] for count in counts}
        for _ in range(rounds):
            for count in counts:
                torch.set_num_threads(count)
                run(1)
                paces[count].append(case.pace(run))
        torch.set_num_threads(1)
        found[str(shape)] = {n: 1e6 * statistics.median(values) for n, values in paces.items()}
    return found


def threads_table(found: dict[str, dict[int, float]]) -> str:
    """Return what several threads gain over one."""
    counts = list(next(iter(found.values())))
    return table(
        ["shape", *(f"{n} thread{'s' if n > 1 else ''}" for n in counts)],
        [
            [shape, *(f"{v:.2f} ({paces[1] / v:.2f}x)" for v in paces.values())]
            for shape, paces in found.items()
        ],
    )


def picture(found: dict[str, dict[str, float]]) -> None:
    """Draw the time of an iteration of each shape."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = [name for name in next(iter(found.values())) if name not in (*OTHERS, "transforms")]
    figure, axes = pyplot.subplots(figsize=(9, 4.5), layout="constrained")
    width = 0.8 / len(names)
    for i, name in enumerate(names):
        heights = [times[name] / times["transforms"] for times in found.values()]
        axes.bar([x + i * width for x in range(len(found))], heights, width, label=name)
    axes.axhline(1, color="black", linewidth=1, linestyle=":")
    axes.set_xticks([x + 0.4 - width / 2 for x in range(len(found))])
    axes.set_xticklabels([shape.replace(", ", "\n") for shape in found], fontsize=8)
    axes.set_ylabel("time of an iteration / bare transforms")
    axes.legend(fontsize=8)
    figure.savefig(OUTPUT.parent / "_static" / "speed.png", dpi=130)


def main() -> None:
    """Measure, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--longest", type=float, default=600, help="seconds of audio")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, dict[str, float]] = {}
    for shape in SHAPES:
        found[str(shape)] = Case(shape).measure(arguments.rounds, OTHERS)
        print(shape, {name: round(value, 2) for name, value in found[str(shape)].items()})
    paces = scaling(arguments.rounds, arguments.longest)
    several = threads(arguments.rounds)
    used = ", ".join(f"{name} {version}" for name, version in versions().items())
    sections = {
        "peers": peers_table(found),
        "methods": methods_table(found),
        "scaling": table(["size", "us"], [[k, f"{v:.2f}"] for k, v in paces.items()]),
        "threads": threads_table(several),
        "setting": f"Machine: {processor()}, {os.cpu_count()} cores, {platform.system()}; one "
        f"thread unless said otherwise. Versions: {used}. {arguments.rounds} rounds.",
    }
    text = "\n\n".join(f"<!-- {name} -->\n\n{body}" for name, body in sections.items())
    OUTPUT.write_text(f"{text}\n\n<!-- end -->\n", encoding="utf-8")
    picture(found)
    record = {
        "machine": processor(), "versions": versions(), "us_per_frame": found, "scaling": paces,
        "threads": several,
    }  # fmt: skip
    (HERE / "speed.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
