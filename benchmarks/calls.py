"""How long whole calls take, from a magnitude to a wave: ours, librosa, torchaudio, a plain loop.

python benchmarks/calls.py [--rounds 5] [--iterations 32 100] [--longest 60] [--patience 20]

Each call has the start that it has by default, and checks, tables and evaluations are part of it.
All of them run interleaved in one process, on one thread and on a sound like speech; the time is
that of the processor, the least of all rounds, so that other processes count for little. A peer of
which one call takes longer than --patience seconds runs once. Then a training step: 16 items of a
second, 8 iterations forwards, and backwards to the magnitude. The table goes into
docs/_measured_calls.md, and the picture into docs/_static/calls.png.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from plain_loop import plain_loop
from torch import Tensor

from torch_specinv import STFT, griffin_lim, invert, mel_to_audio
from torch_specinv.comparing import installed_peers
from torch_specinv.comparing.peers import versions
from torch_specinv.comparing.setting import processor
from torch_specinv.comparing.signals import speech_like
from torch_specinv.comparing.table import table
from torch_specinv.mel import preset

OUTPUT = Path(__file__).parents[1] / "docs" / "_measured_calls.md"
PICTURE = OUTPUT.parent / "_static" / "calls.png"
SR, N_FFT, HOP_LENGTH = 22050, 1024, 256
KEYWORDS: dict[str, Any] = {
    "n_fft": N_FFT,
    "hop_length": HOP_LENGTH,
    "window": torch.hann_window(N_FFT),
}
SIZES = ((1, 1), (1, 10), (16, 10), (1, 60))
Run = Callable[[], object]


def runs_of(batch: int, seconds: float, iterations: int) -> dict[str, Run]:
    """Return whole calls on so many items of so many seconds."""
    wave = speech_like(SR, seconds)
    # items that differ, as those of a batch do
    waves = torch.stack([wave.roll(SR * item // 7) for item in range(batch)])
    stft = STFT.of_wave(waves, **KEYWORDS)
    magnitude = stft(waves)
    length = waves.shape[-1]
    quiet = {"max_iter": iterations, "length": length, "verbose": False, **KEYWORDS}
    found: dict[str, Run] = {
        "griffin_lim": lambda: griffin_lim(magnitude, **quiet),
        "auto": lambda: invert(magnitude, "auto", **quiet),
        "griffin_lim, start zero": lambda: griffin_lim(magnitude, init="zero", **quiet),
    }
    if batch == 1:
        recipe = preset("hifigan")
        mel = recipe.record(wave)
        found["mel_to_audio"] = lambda: mel_to_audio(
            mel, preset=recipe, max_iter=iterations, verbose=False
        )
    for name, peer in installed_peers().items():
        found[name] = lambda peer=peer: peer(magnitude, stft, iterations)
    found["plain loop"] = lambda: plain_loop(
        magnitude, magnitude + 0j, iterations, length, **KEYWORDS
    )
    return found


def training() -> dict[str, Run]:
    """Return training steps: a loss of the wave, and its gradient for the magnitude."""
    magnitude = STFT.of_wave(torch.zeros(16, SR), **KEYWORDS)(
        torch.stack([speech_like(SR, 1.0).roll(1000 * item) for item in range(16)])
    )

    def step(call: Callable[[Tensor], Tensor]) -> Run:
        def run() -> None:
            leaf = magnitude.clone().requires_grad_()
            call(leaf).square().mean().backward()

        return run

    quiet = {"max_iter": 8, "length": SR, "verbose": False, "init": "zero", **KEYWORDS}
    return {
        "griffin_lim": step(lambda x: griffin_lim(x, **quiet)),
        "plain loop": step(lambda x: plain_loop(x, x + 0j, 8, SR, **KEYWORDS)),
    }


def measure(runs: dict[str, Run], rounds: int, patience: float) -> dict[str, float]:
    """Return the least seconds of processor time of each, interleaved."""
    best: dict[str, float] = {}
    for _ in range(rounds + 1):  # the first call of each warms up
        for name, run in runs.items():
            if best.get(name, 0.0) > patience:
                continue
            began = time.process_time()
            run()
            best[name] = min(best.get(name, float("inf")), time.process_time() - began)
    return best


def compared(times: dict[str, float], peer: str) -> str:
    """Return the milliseconds of a peer, and how many times those of griffin_lim and auto."""
    if peer not in times:
        return ""
    ratios = [times[peer] / times[name] for name in ("griffin_lim", "auto") if name in times]
    return f"{1e3 * times[peer]:.0f} ({', '.join(f'{ratio:.1f}x' for ratio in ratios)})"


def picture(found: dict[str, dict[str, float]], iterations: int) -> None:
    """Draw how long a call with so many iterations takes, for each second of audio."""
    sizes = {f"{batch} x {s} s": batch * s for batch, s in SIZES}
    times = {size: found.get(f"{size}, {iterations} iterations", {}) for size in sizes}
    shown = [size for size in sizes if times[size]]
    names = [name for name in next(iter(found.values())) if name != "mel_to_audio"]
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(names)
    for i, name in enumerate(names):
        heights = [1e3 * times[size].get(name, 0.0) / sizes[size] for size in shown]
        axes.bar([x + i * width for x in range(len(shown))], heights, width, label=name)
    axes.set_xticks([x + 0.4 - width / 2 for x in range(len(shown))], shown)
    axes.set(yscale="log", ylabel="ms for each second of audio")
    axes.set_title(f"a whole call, {iterations} iterations")
    axes.legend(fontsize="small", ncols=2)
    axes.grid(axis="y", alpha=0.3)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    figure.savefig(PICTURE, dpi=110)


def main() -> None:
    """Measure, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--iterations", type=int, nargs="+", default=[32, 100])
    parser.add_argument("--longest", type=float, default=160.0, help="seconds of audio in a call")
    parser.add_argument("--patience", type=float, default=5.0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, dict[str, float]] = {}
    for batch, seconds in SIZES:
        for iterations in given.iterations:
            if batch * seconds <= given.longest:
                case = f"{batch} x {seconds} s, {iterations} iterations"
                runs = runs_of(batch, seconds, iterations)
                found[case] = measure(runs, given.rounds, given.patience)
                print(case, found[case], flush=True)
    found["training step, 16 x 1 s, 8 iterations"] = measure(training(), given.rounds, 1e9)

    ours = ("griffin_lim", "auto", "griffin_lim, start zero", "mel_to_audio")
    peers = (*installed_peers(), "plain loop")
    rows: list[list[str]] = []
    for case, times in found.items():
        cells = [f"{1e3 * times[name]:.1f}" if name in times else "" for name in ours]
        cells += [compared(times, name) for name in peers]
        rows.append([case, *cells])
    about = ", ".join(f"{name} {version}" for name, version in versions().items())
    OUTPUT.write_text(
        f"{table(['whole call', *ours, *peers], rows)}\n\n{processor()}, one thread, 22.05 kHz, "
        f"{N_FFT}/{HOP_LENGTH}; load of the machine {os.getloadavg()[1]:.1f} of "
        f"{os.cpu_count()} cores. {about}.\n",
        encoding="utf-8",
    )
    picture(found, given.iterations[0])
    print(OUTPUT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
