"""How long an iteration takes: our engines, peers, a plain loop, and the transforms alone.

python benchmarks/speed.py [--rounds 5] [--longest 600] [--files music.flac ...]

Everything runs interleaved, one after the other in each of the rounds, on one thread and on noise;
medians. An iteration's time is the difference between a long and a short run, divided by the
difference in iterations, so that what is done once does not count. Fast Griffin-Lim, unless said
otherwise. Of files the wall clock of whole calls is compared. The tables go into
docs/_measured_speed.md, the picture into docs/_static/speed.png, all numbers into
benchmarks/speed.json. Memory, and recordings of hours, are in long.py.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import torch
from plain_loop import plain_loop

from torch_specinv import STFT, invert, metrics, native
from torch_specinv.comparing import installed_peers
from torch_specinv.comparing.peers import versions
from torch_specinv.comparing.setting import processor
from torch_specinv.comparing.table import table
from torch_specinv.engines import native as engine
from torch_specinv.io import read_audio

HERE = Path(__file__).parent
OUTPUT = HERE.parent / "docs" / "_measured_speed.md"
SHORT = 2
OTHERS = ("raar", "admm", "amdr")
# The instruction sets by how many floats they take at a time
SETS = {"AVX-512": 16, "AVX2": 8, "SSE2": 4}
BUDGETS = (12, 16, 32)


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
    Shape(1, 10, 16000, 400, 100, 400),
    Shape(1, 30, 44100, 4096, 1024, 4096),
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

    def ours(
        self, algorithm: str, backend: str, width: int | None = None
    ) -> Callable[[int], object]:
        """Return a run of one of our methods, evaluated at its end alone."""
        widths = (width,) if width else native.widths() if not native.missing() else ()

        def run(iterations: int) -> object:
            with patch.object(engine, "widths", lambda: widths):
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
            "native": self.ours("griffin_lim", "native"),
            "chunked": self.ours("griffin_lim", "chunked"),
            "torch": self.ours("griffin_lim", "torch"),
            "plain loop": lambda n: plain_loop(
                self.magnitude, self.magnitude + 0j, n, self.length, **self.keywords
            ),
        }
        for name, peer in installed_peers().items():
            found[name] = lambda n, peer=peer: peer(self.magnitude, self.stft, n)
        for name, width in SETS.items():
            if width in native.widths():
                found[name] = self.ours("griffin_lim", "native", width)
        # as many times Griffin-Lim's iteration, both with AVX2
        width = 8 if 8 in native.widths() else None
        return found | {name: self.ours(name, "native", width) for name in algorithms}

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
        more = max(12, min(256, 120_000 // self.frames))
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
    names = [name for name in next(iter(found.values())) if name not in (*OTHERS, *SETS)]
    rows = []
    for shape, times in found.items():
        row = [shape]
        for name in names:
            ratio = (
                ""
                if name in ("native", "transforms")
                else f" ({times[name] / times['native']:.1f}x)"
            )
            row.append(f"{times[name]:.2f}{ratio}")
        rows.append(row)
    return table(["shape", *names], rows)


def sets_table(found: dict[str, dict[str, float]]) -> str:
    """Return microseconds per frame and iteration for each instruction set, and ratios of AVX2."""
    names = [name for name in next(iter(found.values())) if name in SETS]
    usual = "AVX2" if "AVX2" in names else names[-1]
    others = [
        name for name in ("chunked", "torch", "torchaudio") if name in next(iter(found.values()))
    ]
    header = ["shape", "transforms", *names, f"{usual} / transforms"]
    rows = [
        [
            shape,
            *(f"{times[name]:.2f}" for name in ("transforms", *names)),
            f"{times[usual] / times['transforms']:.2f}",
            *(f"{times[name] / times[usual]:.1f}" for name in others),
        ]
        for shape, times in found.items()
    ]
    return table([*header, *(f"{name} / {usual}" for name in others)], rows)


def methods_table(found: dict[str, dict[str, float]]) -> str:
    """Return what an iteration of other methods costs, in iterations of fast Griffin-Lim."""
    usual = "AVX2" if "AVX2" in next(iter(found.values())) else "native"
    rows = [
        [shape, *(f"{times[name] / times[usual]:.2f}" for name in OTHERS)]
        for shape, times in found.items()
    ]
    return table(["shape", *OTHERS], rows)


def sooner(files: list[Path], rounds: int) -> dict[str, dict[str, tuple[float, float]]]:
    """Return seconds and SC in dB of whole calls: librosa with 200 iterations, ours with fewer."""
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for file in files:
        wave, sr = read_audio(file)
        wave = wave[0, : 10 * sr]
        found[f"{file.stem}, {len(wave) / sr:.1f} s"] = calls(wave, rounds)
    return found


def calls(wave: torch.Tensor, rounds: int) -> dict[str, tuple[float, float]]:
    """Return seconds and SC in dB of whole calls on one clip, interleaved."""
    keywords: dict[str, Any] = {"hop_length": 256, "window": torch.hann_window(1024)}
    stft = STFT.of_wave(wave, n_fft=1024, **keywords)
    target, librosa = stft(wave), installed_peers()["librosa"]

    def ours(budget: int) -> torch.Tensor:
        return invert(target, max_iter=budget, length=len(wave), verbose=False, **keywords).wave

    runs: dict[str, Callable[[], torch.Tensor]] = {
        "librosa, 200": lambda: librosa(target, stft, 200),
        **{f"auto, {budget}": lambda budget=budget: ours(budget) for budget in BUDGETS},
    }
    times: dict[str, list[float]] = {name: [] for name in runs}
    errors: dict[str, float] = {}
    for _ in range(rounds):
        for name, run in runs.items():
            began = time.perf_counter()
            result = run()
            times[name].append(time.perf_counter() - began)
            errors[name] = float(metrics.sc(stft(result.reshape(len(wave))), target))
    return {name: (statistics.median(times[name]), errors[name]) for name in runs}


def sooner_table(found: dict[str, dict[str, tuple[float, float]]]) -> str:
    """Return SC and milliseconds of whole calls, and how many times sooner than librosa's."""
    rows = []
    for clip, runs in found.items():
        slow = runs["librosa, 200"][0]
        cells = [f"{sc:.2f} dB, {1000 * t:.0f} ms ({slow / t:.1f}x)" for t, sc in runs.values()]
        rows.append([clip, *cells])
    return table(["clip", *next(iter(found.values()))], rows) if found else ""


def scaling(rounds: int, longest: float) -> dict[str, float]:
    """Return microseconds per frame and iteration from one second on, and for batches."""
    sizes = [(1, seconds) for seconds in (1, 10, 60, 600, 3600) if seconds <= longest]
    sizes += [(batch, 10) for batch in (4, 16, 64)]
    found: dict[str, float] = {}
    for batch, seconds in sizes:
        case = Case(Shape(batch, seconds, 22050, 1024, 256, 1024))
        run = case.ours("griffin_lim", "native")
        run(1)
        paces = [case.pace(run) for _ in range(rounds)]
        found[f"{batch} x {seconds} s"] = 1e6 * statistics.median(paces)
    return found


def threads(rounds: int) -> dict[str, dict[str, float]]:
    """Return microseconds per frame and iteration with one thread and with more, interleaved.

    Once with the other cores idle, and once with a process on each that never rests.
    """
    counts = sorted({1, 2, min(os.cpu_count() or 1, 8)})
    found: dict[str, dict[str, float]] = {}
    for shape in SHAPES[:4]:
        case = Case(shape)
        run = case.ours("griffin_lim", "native")
        paces: dict[str, list[float]] = {}
        for busy in (False, True):
            with company(busy):
                for _ in range(rounds):
                    for count in counts:
                        torch.set_num_threads(count)
                        run(1)
                        name = f"{count} thread{'s' * (count > 1)}{', others busy' * busy}"
                        paces.setdefault(name, []).append(case.pace(run))
        torch.set_num_threads(1)
        found[str(shape)] = {n: 1e6 * statistics.median(values) for n, values in paces.items()}
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


def threads_table(found: dict[str, dict[str, float]]) -> str:
    """Return what several threads gain over one in the same circumstances."""
    names = list(next(iter(found.values())))
    rows = []
    for shape, paces in found.items():
        single = {", others busy" in name: v for name, v in paces.items() if name[:2] == "1 "}
        ratios = [single[", others busy" in name] / paces[name] for name in names]
        cells = [f"{paces[name]:.2f} ({x:.2f}x)" for name, x in zip(names, ratios, strict=True)]
        rows.append([shape, *cells])
    return table(["shape", *names], rows)


def picture(found: dict[str, dict[str, float]]) -> None:
    """Draw the time of an iteration of each shape."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = [
        name for name in next(iter(found.values())) if name not in (*OTHERS, *SETS, "transforms")
    ]
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
    parser.add_argument("--files", type=Path, nargs="*", default=[], help="music of ten seconds")
    arguments = parser.parse_args()
    if native.missing():
        raise SystemExit(f"no native engine to measure: {native.missing()}")
    torch.set_num_threads(1)
    found: dict[str, dict[str, float]] = {}
    for shape in SHAPES:
        found[str(shape)] = Case(shape).measure(arguments.rounds, OTHERS)
        print(shape, {name: round(value, 2) for name, value in found[str(shape)].items()})
    paces = scaling(arguments.rounds, arguments.longest)
    several = threads(3 * arguments.rounds)
    whole = sooner(arguments.files, arguments.rounds)
    used = ", ".join(f"{name} {version}" for name, version in versions().items())
    sections = {
        "peers": peers_table(found),
        "instructions": sets_table(found),
        "methods": methods_table(found),
        "scaling": table(["size", "us"], [[k, f"{v:.2f}"] for k, v in paces.items()]),
        "threads": threads_table(several),
        "calls": sooner_table(whole),
        "setting": f"Machine: {processor()}, {os.cpu_count()} cores, {platform.system()}; one "
        f"thread unless said otherwise. Versions: {used}. {arguments.rounds} rounds, of threads "
        f"{3 * arguments.rounds}.",
    }
    text = "\n\n".join(f"<!-- {name} -->\n\n{body}" for name, body in sections.items())
    OUTPUT.write_text(f"{text}\n\n<!-- end -->\n", encoding="utf-8")
    picture(found)
    record = {
        "machine": processor(), "versions": versions(), "us_per_frame": found, "scaling": paces,
        "threads": several, "calls": whole,
    }  # fmt: skip
    (HERE / "speed.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
