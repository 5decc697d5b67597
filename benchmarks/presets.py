"""How well a recording is understood again from the array of each preset: ESTOI.

python benchmarks/presets.py RECORDING ... [--iterations 32 200]

Each recording is brought to the sample rate of a preset, written down by it, and inverted with the
preset's name alone. ESTOI, which needs the package pystoi, compares it with the recording at that
rate. The table goes into docs/_measured_presets.md.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
import warnings
from pathlib import Path

import pystoi
import soxr
import torch
from torch import Tensor

from torch_specinv import __version__, invert
from torch_specinv.comparing.setting import processor
from torch_specinv.comparing.table import table
from torch_specinv.io import read_audio
from torch_specinv.mel import PRESETS, Preset, preset

OUTPUT = Path(__file__).parent.parent / "docs" / "_measured_presets.md"
#: That of which every other is to be within 0.005.
BASE = "hifigan"
# What these leave open
CHANGES = {
    "scipy": {"n_fft": 512, "sr": 16000},
    "scipy_spectrogram": {"n_fft": 512, "sr": 16000},
    "tensorflow": {"n_fft": 512, "win_length": 400, "hop_length": 160, "sr": 16000},
}


def measure(wave: Tensor, p: Preset, iterations: int) -> tuple[float, float]:
    """Return the ESTOI of what is made of a recording's array, and the seconds it takes."""
    array = p.record(wave)
    began = time.perf_counter()
    found = invert(array, preset=p, max_iter=iterations, verbose=False).wave
    seconds = time.perf_counter() - began
    samples = min(len(found), len(wave))
    clarity = pystoi.stoi(wave[:samples].numpy(), found[:samples].numpy(), p.sr, extended=True)
    return float(clarity), seconds


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--iterations", type=int, nargs="+", default=[32, 200])
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--presets", nargs="+", default=list(PRESETS))
    settings = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", ".*no bin of n_fft")
    clips = [read_audio(path) for path in settings.files]
    names = [BASE, *(name for name in settings.presets if name != BASE)]
    rows: list[list[str]] = []
    base: list[list[float]] = []
    for name in names:
        p = preset(name, **CHANGES.get(name, {}))
        found: list[list[float]] = []
        spent: list[float] = []
        for waves, sr in clips:
            wave = torch.from_numpy(soxr.resample(waves.mean(0).numpy(), sr, p.sr)).float()
            both = [measure(wave, p, count) for count in settings.iterations]
            found.append([clarity for clarity, _ in both])
            spent.append(both[0][1] * p.sr / len(wave))
        base = base or found
        means = [f"{statistics.mean(column):.3f}" for column in zip(*found, strict=True)]
        off = [own[0] - others[0] for own, others in zip(found, base, strict=True)]
        rows.append(
            [name, *means, f"{min(off):+.3f}", f"{max(off):+.3f}", f"{statistics.mean(spent):.3f}"]
        )
        print(rows[-1], [f"{own[0]:.3f}" for own in found], flush=True)
    counts = [f"ESTOI, {count}" for count in settings.iterations]
    header = ["preset", *counts, "worst clip", "best clip", "seconds a second"]
    text = (
        f"{table(header, rows)}\n\n{len(clips)} recordings, mean values after so many iterations. "
        f"Worst and best: the difference from {BASE} on the same recording, after "
        f"{settings.iterations[0]} iterations, of which the seconds are as well. {processor()}, "
        f"{platform.system()}, one thread; torch_specinv {__version__}, "
        f"torch {torch.__version__}.\n"
    )
    settings.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
