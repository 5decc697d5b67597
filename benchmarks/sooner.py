"""How long our calls take to be as near as librosa's griffinlim is after 200 iterations.

python benchmarks/sooner.py [--files FILE ...] [--seconds 10] [--rounds 3]

On exact magnitudes, and on those that torch_specinv.comparing.degrade makes wrong. Nearness
is spectral convergence to the magnitude of the true sound, which of exact ones is the one that is
given. Of each method the least number of iterations that is as near counts. Calls are whole, with
the start that they have by default; one thread, processor time, the least of all rounds, which are
interleaved. Without files the package's own clips are measured. The table goes into
docs/_measured_sooner.md.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from torch_specinv import STFT, griffin_lim, invert
from torch_specinv.comparing import Degradation, installed_peers
from torch_specinv.comparing.degrade import Recording
from torch_specinv.comparing.peers import versions
from torch_specinv.comparing.setting import processor
from torch_specinv.comparing.signals import CLIPS
from torch_specinv.comparing.table import table
from torch_specinv.io import read_audio
from torch_specinv.metrics import sc

OUTPUT = Path(__file__).parents[1] / "docs" / "_measured_sooner.md"
KINDS = ("exact", "noisy", "smooth", "mel")
THEIRS = 200
BUDGETS = (1, 2, 4, 8, 12, 16, 20, 24, 32, 48, 64, 100, 200)
Run = Callable[[], Tensor]


def clips(files: list[Path], seconds: float) -> dict[str, tuple[Tensor, int]]:
    """Return waves (samples,) and their rates: the first channel of files, or clips of our own."""
    if not files:
        return {name: (make(22050, seconds), 22050) for name, make in CLIPS.items()}
    read = {file.stem: read_audio(file) for file in files}
    return {name: (wave[0, : int(seconds * sr)], sr) for name, (wave, sr) in read.items()}


def settings_for(sr: int) -> dict[str, Any]:
    """Return an STFT of about 50 ms, with 75 % overlap."""
    n_fft = 1024 if sr < 32000 else 2048
    return {"n_fft": n_fft, "hop_length": n_fft // 4, "window": torch.hann_window(n_fft)}


def methods(given: Tensor, length: int, settings: dict[str, Any]) -> dict[str, Callable[..., Run]]:
    """Return functions of a number of iterations that return whole calls."""
    quiet = {"length": length, "verbose": False, **settings}
    return {
        "griffin_lim": lambda n: lambda: griffin_lim(given, n, **quiet),
        "auto": lambda n: lambda: invert(given, "auto", max_iter=n, **quiet).wave,
    }


def fewest(method: Callable[..., Run], near: Callable[[Tensor], float], bound: float) -> int | None:
    """Return the least number of iterations after which a method is as near as the bound."""
    return next((n for n in BUDGETS if near(method(n)()) <= bound), None)


def measure(runs: dict[str, Run], rounds: int) -> dict[str, float]:
    """Return the least seconds of processor time of each, interleaved."""
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(rounds):
        for name, run in runs.items():
            began = time.process_time()
            run()
            best[name] = min(best[name], time.process_time() - began)
    return best


def row(wave: Tensor, sr: int, kind: str, rounds: int) -> tuple[list[str], dict[str, float]]:
    """Return the cells of a clip whose magnitude is wrong in one way, and how many times sooner."""
    settings = settings_for(sr)
    stft = STFT.of_wave(wave, **settings)
    recording = Recording(wave, sr, stft)
    given = Degradation(kind)(recording).magnitude

    def near(found: Tensor) -> float:
        return float(sc(stft(found), recording.magnitude))

    librosa = partial(installed_peers()["librosa"], given, stft, THEIRS)
    bound = near(librosa())
    runs: dict[str, Run] = {"librosa": librosa}
    budgets: dict[str, int] = {}
    for name, method in methods(given, len(wave), settings).items():
        budget = fewest(method, near, bound)
        if budget is not None:
            budgets[name], runs[name] = budget, method(budget)
    times = measure(runs, rounds)
    cells = [f"{bound:.1f} dB", f"{1e3 * times['librosa']:.0f}"]
    ratios: dict[str, float] = {}
    for name in ("griffin_lim", "auto"):
        if name not in budgets:
            cells.append("never")
            continue
        ratios[name] = times["librosa"] / times[name]
        cells.append(f"{1e3 * times[name]:.1f} after {budgets[name]} ({ratios[name]:.0f}x)")
    return cells, ratios


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=Path, nargs="*", default=[])
    parser.add_argument("--seconds", type=float, default=10.0, help="of audio, at most")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[list[str]] = []
    for kind in KINDS:
        found: list[dict[str, float]] = []
        for name, (wave, sr) in clips(given.files, given.seconds).items():
            cells, ratios = row(wave, sr, kind, given.rounds)
            rows.append([kind, f"{name}, {len(wave) / sr:.1f} s", *cells])
            found.append(ratios)
            print(rows[-1], flush=True)
        medians = [statistics.median(r.get(m, 0.0) for r in found) for m in ("griffin_lim", "auto")]
        rows.append([kind, "median", "", "", *(f"{ratio:.0f}x" for ratio in medians)])
    header = ["magnitude", "clip", f"librosa, {THEIRS}", "ms", "griffin_lim, ms", "auto, ms"]
    used = ", ".join(f"{name} {version}" for name, version in versions().items())
    OUTPUT.write_text(
        f"{table(header, rows)}\n\n{processor()}, one thread. {used}.\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
