"""Griffin-Lim of the package against the loop that everybody writes with torch.stft and istft.

python benchmarks/plain_loop.py [audio files] [--seeds 8]

Quality: spectral convergence in dB after 32, 100 and 200 iterations, from random phases (mean over
seeds, the same for both) and from SPSI, on the given files or, without any, on the package's own
clips. How fast they are is told by speed.py.
"""

from __future__ import annotations

import argparse
import math
import platform
from typing import Any

import torch
from torch import Tensor

from torch_specinv import STFT, invert, metrics, phase_init
from torch_specinv.comparing.signals import CLIPS
from torch_specinv.comparing.table import table
from torch_specinv.io import read_audio

N_FFT, HOP_LENGTH, ALPHA = 1024, 256, 0.99
BUDGETS = (32, 100, 200)
WINDOW = torch.hann_window(N_FFT)
KEYWORDS = {"n_fft": N_FFT, "hop_length": HOP_LENGTH, "window": WINDOW}


def plain_loop(
    target: Tensor, start: Tensor, iterations: int, length: int, **stft_kwargs: Any
) -> Tensor:
    """Fast Griffin-Lim on spectra, by torch.istft and torch.stft alone."""

    def synthesise(spectrum: Tensor) -> Tensor:
        return torch.istft(spectrum, length=length, **stft_kwargs)

    def analyse(wave: Tensor) -> Tensor:
        return torch.stft(wave, return_complex=True, **stft_kwargs)

    accelerated = previous = analyse(synthesise(start))
    for _ in range(iterations):
        phase = accelerated / (accelerated.abs() + 1e-16)
        wave = synthesise(target * phase)
        consistent = analyse(wave)
        accelerated = consistent + ALPHA * (consistent - previous)
        previous = consistent
    return wave


def quality(files: list[str], seeds: int) -> str:
    """Compare spectral convergence on each file; the plain loop trims, ours folds, the padding."""
    waves = {file.rpartition("/")[2]: read_audio(file) for file in files} or {
        name: (make()[None], 22050) for name, make in CLIPS.items()
    }
    rows = []
    for name, (channels, sr) in waves.items():
        wave = channels[:1, sr // 2 : sr // 2 + int(1.7 * sr)]
        stft = STFT.of_wave(wave, n_fft=N_FFT, window=WINDOW)
        target = stft.analyse(wave).abs()
        draw = torch.Generator().manual_seed(0)
        phases = 2 * math.pi * torch.rand(seeds, *target.shape[1:], generator=draw)
        starts = {
            "random": torch.polar(target.expand_as(phases), phases),
            "spsi": phase_init(target, window=WINDOW),
        }
        for start, spectrum in starts.items():
            row = [name, start]
            for budget in BUDGETS:
                many = target.expand_as(spectrum)
                plain = plain_loop(many, spectrum, budget, wave.shape[-1], **KEYWORDS)
                theirs = metrics.sc(stft.analyse(plain).abs(), many).mean()
                ours = invert(
                    spectrum,
                    "griffin_lim",
                    max_iter=budget,
                    tol=0,
                    eva_iter=budget,
                    length=wave.shape[-1],
                    window=WINDOW,
                    verbose=False,
                ).history["sc"][-1]
                row += [f"{theirs:.2f}", f"{ours.mean():.2f}"]
            rows.append(row)
    header = [text for budget in BUDGETS for text in (f"plain {budget}", f"ours {budget}")]
    return table(["clip", "start", *header], rows)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*")
    parser.add_argument("--seeds", type=int, default=8)
    arguments = parser.parse_args()
    print(f"torch {torch.__version__}, {platform.processor() or platform.machine()}\n")
    print(quality(arguments.files, arguments.seeds))


if __name__ == "__main__":
    main()
