"""What speed.py measures: shapes, and all that can iterate on them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple
from unittest.mock import patch

import torch
from plain_loop import plain_loop

from torch_specinv import STFT, invert, native
from torch_specinv.comparing import installed_peers
from torch_specinv.engines import ENGINES, NativeEngine

SHORT = 2
# The instruction sets by how many floats they take at a time
SETS = {"AVX-512": 16, "AVX2": 8, "SSE2": 4}


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
        kind = type("OfOneWidth", (NativeEngine,), {"width": width})

        def run(iterations: int) -> object:
            with patch.dict(ENGINES, native=kind):
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
