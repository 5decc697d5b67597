"""The trials of faults.py that need no files: loaders, threads, and a soak."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from torch_specinv import griffin_lim, invert

WINDOW = torch.hann_window(64)


def magnitude(number: int) -> Tensor:
    """Return a small magnitude, another one for each number."""
    return torch.rand(33, 40, generator=torch.Generator().manual_seed(number))


def wave_of(number: int, engine: str = "auto") -> Tensor:
    """Invert it."""
    return griffin_lim(magnitude(number), 8, backend=engine, window=WINDOW, verbose=False)


class Waves(Dataset[Tensor]):
    """Waves that are made when they are asked for."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, number: int) -> Tensor:
        if number >= len(self):
            raise IndexError(number)
        torch.set_num_threads(1)
        return wave_of(number)


def loaders() -> tuple[int, int]:
    """Load in forked and in spawned workers; return how many items, and how many were right."""
    expected = [wave_of(number) for number in range(8)]
    right = tried = 0
    for context in ("fork", "spawn"):
        loader = DataLoader(
            Waves(), batch_size=None, num_workers=2, multiprocessing_context=context, timeout=120
        )
        found = list(loader)
        tried += len(expected)
        right += sum(map(torch.equal, found, expected))
    return tried, right


def threads() -> tuple[int, int]:
    """Invert in 8 threads at once by each engine; return how many, and how many were right."""
    tried = right = 0
    for engine in ("native", "chunked", "torch"):
        expected = [wave_of(number, engine) for number in range(8)]
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(wave_of, [*range(8)] * 4, [engine] * 32))
        tried += len(found)
        right += sum(map(torch.equal, found, expected * 4))
    return tried, right


def resident() -> float:
    """Return the resident memory in kB."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return float(status.split("VmRSS:")[1].split()[0])


def soak(seconds: float) -> tuple[int, float]:
    """Make random calls; return how many, and by how many kB a call the memory grows.

    It is the slope of a line through the last two thirds, after caches have been filled.
    """
    draw, points = random.Random(0), []
    names = ["griffin_lim", "amdr", "admm", "raar", "difference_map", "agla", "pghi"]
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        spec = torch.rand(draw.randint(1, 3), 33, draw.randint(9, 60))
        invert(spec, draw.choice(names), max_iter=draw.randint(1, 9), window=WINDOW, verbose=False)
        if len(points) % 10 == 0 or points[-1][1] == 0:
            points.append((len(points), resident()))
        else:
            points.append((len(points), points[-1][1]))
    calls, memory = np.array(points[len(points) // 3 :]).T
    return len(points), float(np.polyfit(calls, memory, 1)[0])
