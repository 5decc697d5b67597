"""ADMM, RTISI-LA and L-BFGS: how near they come, and L-BFGS on mel spectrograms.

python benchmarks/invert_features.py [audio files] [--seeds 8] [--seconds 3]

On the given files or, without any, on the package's own clips; one thread. Hann window, 1024/256.

ADMM and L-BFGS start from random phases (mean over seeds) on 1.7 s from the middle of each clip.
RTISI-LA and the mel spectrograms take the first `--seconds`, the latter at 16 kHz. With the
packages pesq and pystoi installed, the mel table tells PESQ (wide band) and ESTOI as well.
"""

from __future__ import annotations

import argparse
import importlib.util
import platform
import time
import warnings
from collections.abc import Callable

import librosa
import torch
from torch import Tensor

from torch_specinv import ADMM, L_BFGS, RTISI_LA, STFT, invert, metrics
from torch_specinv.comparing.signals import CLIPS
from torch_specinv.comparing.table import table
from torch_specinv.io import read_audio

N_FFT, HOP_LENGTH, RATE, BANDS = 1024, 256, 16000, 80
BUDGETS = (32, 100, 200)
KEYWORDS = {"hop_length": HOP_LENGTH, "window": torch.hann_window(N_FFT), "verbose": False}

Clips = dict[str, tuple[Tensor, int]]


def stft_of(wave: Tensor) -> STFT:
    """Return the transform of all tables."""
    return STFT.of_wave(wave, n_fft=N_FFT, hop_length=HOP_LENGTH, window=KEYWORDS["window"])


def middle(wave: Tensor, sr: int) -> Tensor:
    """Cut 1.7 s, mid-sound."""
    return wave[sr // 2 : sr // 2 + int(1.7 * sr)]


def numbers(name: str, values: list[Tensor | float], digits: int = 2) -> list[str]:
    """Return a row of a table."""
    return [name, *[f"{float(value):.{digits}f}" for value in values]]


def medians(rows: list[list[str]]) -> list[str]:
    """Return the median of each column, over the rows that have a number."""
    row = ["median"]
    for column in list(zip(*rows, strict=True))[1:]:
        values = torch.tensor([float(cell) for cell in column if cell != "-"])
        row.append(f"{values.quantile(0.5):.2f}" if len(values) else "-")
    return row


def random_starts(clips: Clips, seeds: int) -> str:
    """Measure the spectral convergence from random phases: ADMM, fast Griffin-Lim, L-BFGS."""
    rows = []
    for name, (clip, sr) in clips.items():
        wave = middle(clip, sr)
        target = stft_of(wave)(wave)
        values = []
        for method in ("griffin_lim", "admm", "lbfgs"):
            for budget in BUDGETS:
                reached = [
                    invert(
                        target,
                        method,
                        init="random",
                        generator=torch.Generator().manual_seed(seed),
                        max_iter=budget,
                        eva_iter=budget,
                        tol=0,
                        length=len(wave),
                        **KEYWORDS,
                    ).history["sc"][-1]
                    for seed in range(seeds)
                ]
                values.append(torch.stack(reached).mean())
        rows.append(numbers(name, values))
    header = [f"{method} {n}" for method in ("FGLA", "ADMM", "L-BFGS") for n in BUDGETS]
    return table(["clip", *header], [*rows, medians(rows)])


def online(clips: Clips, seconds: float) -> str:
    """Measure RTISI-LA with 3 frames of look-ahead and 8 iterations for each frame."""
    rows = []
    for name, (clip, sr) in clips.items():
        wave = clip[: int(seconds * sr)]
        stft = stft_of(wave)
        target = stft(wave)
        settings = {"max_iter": 8, "eva_iter": target.shape[-1] + 3, "length": len(wave)}
        values = []
        for alpha in (0.0, 0.99):
            began = time.perf_counter()
            found = RTISI_LA(target, 3, alpha=alpha, **settings, **KEYWORDS)
            values.append((time.perf_counter() - began) * sr / len(wave))
            values.append(metrics.sc(stft(found), target))
        rows.append(numbers(name, values, 3))
    header = [f"{what}, alpha={alpha}" for alpha in (0, 0.99) for what in ("s per s", "SC")]
    return table(["clip", *header], [*rows, medians(rows)])


def smooth_magnitude(mel: Tensor, bank: Tensor, updates: int = 50) -> Tensor:
    """Return magnitudes with these mel values: multiplicative updates of the KL divergence."""
    weight = bank.sum(0)[:, None]
    magnitude = bank.T @ (mel / bank.sum(1, keepdim=True))
    magnitude = magnitude / (weight / weight.max()).clamp_min(1e-2)
    for _ in range(updates):
        ratio = mel / (bank @ magnitude).clamp_min(1e-9)
        magnitude = magnitude * (bank.T @ ratio) / weight.clamp_min(1e-9)
    return magnitude


def perceived(estimate: Tensor, wave: Tensor) -> list[str]:
    """Return PESQ and ESTOI, or dashes without their packages or where they find no speech."""
    scores = ["-", "-"]
    pair = wave.double().numpy(), estimate.double().numpy()
    if importlib.util.find_spec("pesq"):
        from pesq import PesqError, pesq

        score = pesq(RATE, *pair, "wb", on_error=PesqError.RETURN_VALUES)
        scores[0] = f"{score:.2f}" if score > 0 else "-"
    if importlib.util.find_spec("pystoi"):
        from pystoi import stoi

        with warnings.catch_warnings(action="ignore"):
            score = stoi(*pair, RATE, extended=True)
        scores[1] = f"{score:.3f}" if score > 1e-4 else "-"
    return scores


def solve(
    given: Tensor,
    transform: Callable[[Tensor], Tensor],
    scale: Callable[[Tensor], Tensor],
    start: Tensor | int,
) -> Tensor:
    """Run L-BFGS for 200 evaluations from a waveform, or from noise of so many samples."""
    noise = isinstance(start, int)
    return L_BFGS(
        scale(given),
        lambda x: scale(transform(x)),
        samples=start if noise else None,
        init_x0=None if noise else start,
        outer_max_iter=200,
        tol=0,
        eva_iter=200,
        verbose=False,
        generator=torch.Generator().manual_seed(0),
    )


def mel(clips: Clips, seconds: float) -> list[str]:
    """Invert an 80-band mel spectrogram (of the magnitude) by L-BFGS on several scales."""
    bank = torch.from_numpy(librosa.filters.mel(sr=RATE, n_fft=N_FFT, n_mels=BANDS))
    scales: dict[str, Callable[[Tensor], Tensor]] = {
        "linear": lambda x: x,
        "sqrt": lambda x: x.clamp_min(1e-8).sqrt(),
        "log": lambda x: x.clamp_min(1e-5).log(),
        "log(0.01 + mel)": lambda x: (x + 1e-2).log(),
    }
    columns = ["start", *scales, "log from noise"]
    found: dict[str, list[list[str]]] = {column: [] for column in columns}
    for name, (clip, sr) in clips.items():
        wave = torch.from_numpy(librosa.resample(clip.numpy(), orig_sr=sr, target_sr=RATE))
        wave = wave[: int(seconds * RATE)]
        stft = stft_of(wave)
        magnitude = stft(wave)
        given = bank @ magnitude

        def transform(x: Tensor, stft: STFT = stft) -> Tensor:
            return bank @ stft(x)

        start = ADMM(smooth_magnitude(given, bank), 100, tol=0, length=len(wave), **KEYWORDS)
        waves = {
            "start": start,
            "log from noise": solve(given, transform, scales["log"], len(wave)),
        }
        waves |= {kind: solve(given, transform, scale, start) for kind, scale in scales.items()}
        for column in columns:
            x = waves[column]
            values = [metrics.sc(stft(x), magnitude), metrics.sc(transform(x), given)]
            found[column].append([*numbers(name, values), *perceived(x, wave)])
    header = ["SC of magnitude", "SC of mel", "PESQ", "ESTOI"]
    tables = []
    for column, rows in found.items():
        tables.append(table([column, *header], [*rows, medians(rows)]))
    return tables


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    clips: Clips = {name: (make(RATE, 3.0), RATE) for name, make in CLIPS.items()}
    if arguments.files:
        read = {file.rpartition("/")[2]: read_audio(file) for file in arguments.files}
        clips = {name: (channels[0], sr) for name, (channels, sr) in read.items()}
    print(f"torch {torch.__version__}, {platform.processor() or platform.machine()}, 1 thread\n")
    print("SC in dB from random phases, by iterations:\n")
    print(random_starts(clips, arguments.seeds), end="\n\n")
    print("RTISI-LA, look_ahead=3, max_iter=8:\n")
    print(online(clips, arguments.seconds), end="\n\n")
    print(f"{BANDS}-band mel, L-BFGS with 200 evaluations, by the scale of the mel values:\n")
    print("\n\n".join(mel(clips, arguments.seconds)))


if __name__ == "__main__":
    main()
