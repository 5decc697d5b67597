"""How long it takes until iterations begin: ``python benchmarks/start.py``.

What `import torch_specinv` adds to `import torch`, and what a call of griffin_lim does on a second
of audio before the loop and in all, on one thread. Each figure is the least of many.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import torch

from torch_specinv import griffin_lim
from torch_specinv.comparing.setting import processor
from torch_specinv.comparing.table import table
from torch_specinv.solve.loop import Run

PAGE = Path(__file__).parents[1] / "docs" / "_measured_start.md"
IMPORT = """
import time, torch
began = time.perf_counter()
import torch_specinv
print(time.perf_counter() - began)
"""


def import_ms(runs: int = 15) -> float:
    """Return the milliseconds of an import in a new process, of files that are compiled already."""
    command = [sys.executable, "-c", IMPORT]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    seconds = (
        float(
            subprocess.run(
                command, capture_output=True, text=True, check=True, env=environment
            ).stdout
        )
        for _ in range(runs)
    )
    return 1e3 * min(seconds)


def call_ms(spec: torch.Tensor, max_iter: int, init: str, runs: int = 200) -> tuple[float, float]:
    """Return the milliseconds of a call before the loop begins, and of all of it."""
    solve, entered = Run.solve, [0.0]

    def timed(*args, **keywords):
        entered[0] = time.perf_counter()
        return solve(*args, **keywords)

    window = torch.hann_window(1024)
    before, whole = [], []
    Run.solve = timed  # pyright: ignore[reportAttributeAccessIssue]
    try:
        for _ in range(runs):
            began = time.perf_counter()
            griffin_lim(spec, max_iter, init=init, hop_length=256, window=window, verbose=False)
            whole.append(time.perf_counter() - began)
            before.append(entered[0] - began)
    finally:
        Run.solve = solve
    return 1e3 * min(before), 1e3 * min(whole)


def main() -> None:
    """Measure, and write the table of docs/speed.md."""
    torch.set_num_threads(1)
    wave = torch.randn(22050, generator=torch.manual_seed(0))
    window = torch.hann_window(1024)
    spec = torch.stft(wave, 1024, 256, window=window, return_complex=True).abs()
    rows = [["import torch_specinv, after torch", "", f"{import_ms():.0f}"]]
    for init, max_iter in (("zero", 1), ("zero", 32), ("spsi", 32), ("pghi", 32)):
        before, whole = call_ms(spec, max_iter, init)
        name = f"griffin_lim, 1 s at 22.05 kHz, start {init}, max_iter={max_iter}"
        rows.append([name, f"{before:.2f}", f"{whole:.2f}"])
    text = table(["", "before the loop, ms", "in all, ms"], rows)
    page = f"{text}\n\n{processor()}, one thread, torch {torch.__version__}."
    PAGE.write_text(page + "\n", encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
