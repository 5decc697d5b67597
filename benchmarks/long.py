"""How much memory inversions take, and how long an hour of audio takes.

python benchmarks/long.py [--longest 3600]

Each run is a process of its own on one thread, inverts noise at 22.05 kHz with n_fft 1024 and hop
256, and tells its time and by how much its memory grew at the peak (Linux only), beyond the
magnitude that it is given. The table goes into docs/_measured_long.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from torch_specinv import STFT, invert, invert_long
from torch_specinv.comparing.table import table
from torch_specinv.io import write_audio

OUTPUT = Path(__file__).parent.parent / "docs" / "_measured_long.md"
SR = 22050


def resident(field: str) -> float:
    """Return the memory of this process, now or at its peak, in MB."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def run(kind: str, seconds: float, folder: Path) -> None:
    """Invert once; print megabytes and seconds."""
    torch.set_num_threads(1)
    window = torch.hann_window(1024)
    wave = torch.randn(1, round(seconds * SR), generator=torch.Generator().manual_seed(0)) / 10
    if kind != "file":
        stft = STFT.of_wave(wave, n_fft=1024, window=window)
        magnitude = stft(wave)
    else:
        write_audio(folder / "in.wav", wave, SR, force=True)
    del wave
    # what has been loaded once is there; the peak begins here
    invert(torch.rand(513, 9), "griffin_lim", max_iter=1, window=window, verbose=False)
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    before, began = resident("VmRSS"), time.perf_counter()
    settings = {"n_fft": 1024, "window": window, "verbose": False}
    if kind != "file":
        name, _, init = kind.partition(":")
        invert(magnitude, name, init=init or None, max_iter=32, tol=0, **settings)
    else:
        output = folder / "out.wav"
        invert_long(folder / "in.wav", output, max_iter=32, force=True, **settings)
    print(resident("VmHWM") - before, time.perf_counter() - began)


def measure(kind: str, seconds: float, folder: Path) -> tuple[float, float]:
    """Return megabytes and seconds of a run in a process of its own."""
    command = [sys.executable, __file__, "--run", kind, str(seconds), str(folder)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    megabytes, took = map(float, out.split())
    return megabytes, took


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--longest", type=float, default=3600, help="seconds of audio")
    parser.add_argument("--run", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        kind, seconds, folder = arguments.run
        run(kind, float(seconds), Path(folder))
        return
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory() as name:
        for kind, what, sizes in (
            ("griffin_lim", "invert, griffin_lim, 32 iterations", (10, 60, 120, 600)),
            ("griffin_lim:zero", "the same, init='zero'", (10, 60, 120, 600)),
            ("auto", "invert, auto, 32 iterations", (10, 60, 120, 600)),
            ("file", "invert_long, amdr, 32 iterations", (60, 600, 3600)),
        ):
            for seconds in sizes:
                if seconds <= arguments.longest:
                    megabytes, took = measure(kind, seconds, Path(name))
                    rate = f"{megabytes / seconds:.2f}"
                    rows.append([what, f"{seconds} s", f"{megabytes:.0f}", rate, f"{took:.1f}"])
                    print(rows[-1], flush=True)
    header = ["run", "audio", "MB", "MB per second of audio", "seconds"]
    OUTPUT.write_text(table(header, rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
