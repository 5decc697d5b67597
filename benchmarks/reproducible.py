"""How far results differ between engines, threads, widths of registers, and batches.

python benchmarks/reproducible.py

The sounds of torch_specinv.example at 1024/256. Each row is one change, each entry the largest
difference of two waves as a share of the peak, and by how much their spectral convergence differs.
The table goes into docs/_measured_reproducible.md.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from torch_specinv import STFT, example, invert
from torch_specinv.comparing.setting import processor
from torch_specinv.comparing.table import table
from torch_specinv.engines import NativeEngine
from torch_specinv.metrics import sc
from torch_specinv.native import widths

OUTPUT = Path(__file__).parents[1] / "docs" / "_measured_reproducible.md"
WINDOW = torch.hann_window(1024)
RUNS = [("griffin_lim", 32), ("griffin_lim", 100), ("raar", 100), ("lbfgs", 100), ("auto", 100)]
Call = Callable[[str, int], Tensor]


def waves() -> Tensor:
    """Return the sounds, as long as the shorter one."""
    sounds = [example(name)[0] for name in ("speech", "music")]
    samples = min(map(len, sounds)) // 256 * 256
    return torch.stack([sound[:samples] for sound in sounds])


WAVES = waves()
TRANSFORM = STFT.of_wave(WAVES, n_fft=1024, hop_length=256, window=WINDOW)
MAGNITUDE = TRANSFORM(WAVES)


def inverted(algorithm: str, steps: int, backend: str = "auto") -> Tensor:
    """Return the waves that are found for both sounds in one batch."""
    return invert(
        MAGNITUDE, algorithm, max_iter=steps, hop_length=256, window=WINDOW, backend=backend,
        length=WAVES.shape[1], verbose=False, tol=0,
    ).wave  # fmt: skip


def one_by_one(algorithm: str, steps: int) -> Tensor:
    """Return the same from a call for each."""
    return torch.cat(
        [
            invert(
                item, algorithm, max_iter=steps, hop_length=256, window=WINDOW,
                length=WAVES.shape[1], verbose=False, tol=0,
            ).wave[None]
            for item in MAGNITUDE
        ]
    )  # fmt: skip


@contextmanager
def settings(threads: int = 1, width: int | None = None, same: bool = False) -> Generator[None]:
    """Use so many threads, registers of so many floats, and deterministic algorithms if asked."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    NativeEngine.width = width
    torch.use_deterministic_algorithms(same)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        NativeEngine.width = None
        torch.use_deterministic_algorithms(False)


def differing(first: Tensor, second: Tensor) -> str:
    """Return by how much two results differ, and their spectral convergence."""
    off = float((first - second).abs().max() / first.abs().max())
    errors = [sc(TRANSFORM(x), MAGNITUDE) for x in (first, second)]
    gap = float((errors[0] - errors[1]).abs().max())
    return "none" if off == 0 else f"{off:.0e}, {gap:.2f} dB"


def main() -> None:
    """Measure, and write the table."""
    rows: dict[str, list[str]] = {}
    for algorithm, steps in RUNS:
        with settings():
            usual = inverted(algorithm, steps)
        changes: dict[str, tuple[dict[str, object], Call]] = {
            "the same call again": ({}, inverted),
            "each item alone": ({}, one_by_one),
            "2 threads for 1": ({"threads": 2}, inverted),
            "2 threads for 1, each item alone": ({"threads": 2}, one_by_one),
            **{f"registers of {width} floats": ({"width": width}, inverted) for width in widths()},
            "engine chunked": ({}, lambda *run: inverted(*run, backend="chunked")),
            "engine torch": ({}, lambda *run: inverted(*run, backend="torch")),
        }
        for name, (given, call) in changes.items():
            with settings(**given):  # pyright: ignore[reportArgumentType]
                rows.setdefault(name, [name]).append(differing(usual, call(algorithm, steps)))
        with settings(same=True):
            alone = one_by_one(algorithm, steps)
        with settings(same=True, threads=2):
            name = "deterministic: 2 threads for 1, each item alone"
            rows.setdefault(name, [name]).append(differing(alone, one_by_one(algorithm, steps)))
            name = "deterministic: 2 threads for 1, a batch for items alone"
            rows.setdefault(name, [name]).append(differing(alone, inverted(algorithm, steps)))
        print(algorithm, steps, [row[-1] for row in rows.values()], flush=True)
    head = ["against one thread", *(f"{algorithm}, {steps}" for algorithm, steps in RUNS)]
    OUTPUT.write_text(
        f"{table(head, list(rows.values()))}\n\nShare of the peak, and difference of the spectral "
        f"convergence. {processor()}, torch {torch.__version__}.\n",
        encoding="utf-8",
    )
    print(OUTPUT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
