"""How near mel inversion comes: mel_to_audio, and librosa's.

python benchmarks/mel.py SPEECH.wav ... [--others FILE ...] [--iterations 32 200]

The files are speech at 16 kHz; 1024/256, 80 bands, one thread. PESQ (wide band) and ESTOI need the
packages pesq and pystoi. Then HiFi-GAN's preset, on these and others of any rate, and the time of
an iteration beside that of a linear spectrogram. The tables go into docs/_measured_mel.md.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import librosa
import pesq
import pystoi
import soxr
import torch
from torch import Tensor

from torch_specinv import STFT, __version__, invert, mel_to_audio
from torch_specinv.comparing.setting import processor
from torch_specinv.comparing.table import table
from torch_specinv.io import read_audio
from torch_specinv.mel import MelSpec, preset

OUTPUT = Path(__file__).parent.parent / "docs" / "_measured_mel.md"
SR, BANDS = 16000, 80
STFT_SETTINGS = {"n_fft": 1024, "hop_length": 256}
RECIPES = {
    "magnitude": MelSpec(SR),
    "magnitude, natural log": MelSpec(SR, log="ln", clamp=1e-5),
    "power": MelSpec(SR, power=2.0),
    "power, dB": MelSpec(SR, power=2.0, log="dB", clamp=1e-10),
}


def record(wave: Tensor, recipe: MelSpec) -> Tensor:
    """Return the mel spectrogram of a recipe."""
    stft = STFT.of_wave(wave, **STFT_SETTINGS, window=torch.hann_window(1024))
    return recipe.record(stft(wave), BANDS)


def ours(algorithm: str) -> Callable[[Tensor, MelSpec, int, int], Tensor]:
    """Return an inversion by one of our methods."""

    def run(mel: Tensor, recipe: MelSpec, iterations: int, length: int) -> Tensor:
        return mel_to_audio(
            mel, SR, **STFT_SETTINGS, power=recipe.power, log=recipe.log, clamp=recipe.clamp,
            algorithm=algorithm, init="pghi", max_iter=iterations, length=length, verbose=False,
        )  # fmt: skip

    return run


def librosas(mel: Tensor, recipe: MelSpec, iterations: int, length: int) -> Tensor:
    """Invert by librosa, which takes linear values."""
    wave = librosa.feature.inverse.mel_to_audio(
        recipe.restore(mel).numpy(), sr=SR, **STFT_SETTINGS, power=recipe.power, n_iter=iterations,
        length=length, pad_mode="reflect",
    )  # fmt: skip
    return torch.from_numpy(wave)


METHODS = {"auto": ours("auto"), "griffin_lim": ours("griffin_lim"), "librosa": librosas}


def measure(wave: Tensor, recipe: MelSpec, method: str, iterations: int) -> tuple[float, ...]:
    """Return mel SC, PESQ, ESTOI and seconds."""
    mel = record(wave, recipe)
    began = time.perf_counter()
    found = METHODS[method](mel, recipe, iterations, len(wave))
    seconds = time.perf_counter() - began
    again, true = recipe.restore(record(found, recipe)), recipe.restore(mel)
    sc = 10 * torch.log10((again - true).square().sum() / true.square().sum())
    reference, degraded = wave.numpy(), found.numpy()
    return (
        float(sc),
        pesq.pesq(SR, reference, degraded, "wb"),
        pystoi.stoi(reference, degraded, SR, extended=True),
        seconds,
    )


def differences(paths: list[Path], iterations: list[int]) -> list[list[str]]:
    """Return rows of the mean difference of HiFi-GAN's log-mel values, file by file."""
    p = preset("hifigan")
    rows: list[list[str]] = []
    for path in paths:
        waves, own = read_audio(path)
        wave = torch.from_numpy(soxr.resample(waves[0].numpy(), own, p.mel.sr)).float()
        wave = wave[: len(wave) // p.hop_length * p.hop_length]
        mel = record_hifigan(wave)
        row = [path.name]
        for count in iterations:
            found = mel_to_audio(mel, preset="hifigan", max_iter=count, verbose=False)
            row.append(f"{float((record_hifigan(found) - mel).abs().mean()):.3f}")
        rows.append(row)
        print(row, flush=True)
    return rows


def record_hifigan(wave: Tensor) -> Tensor:
    """Return the log-mel spectrogram that HiFi-GAN is trained with."""
    p = preset("hifigan")
    wave = torch.nn.functional.pad(wave[None], (p.padding, p.padding), mode="reflect")[0]
    window = torch.hann_window(p.n_fft)
    stft = STFT.of_wave(wave, n_fft=p.n_fft, hop_length=p.hop_length, window=window, center=False)
    return p.mel.record(stft(wave), p.n_mels)


def paces(wave: Tensor) -> list[list[str]]:
    """Return rows of the microseconds of an iteration and frame, with and without bands."""
    window = torch.hann_window(1024)
    stft = STFT.of_wave(wave, **STFT_SETTINGS, window=window)
    magnitude = stft(wave)
    targets = {"linear": (magnitude, None), "mel": (record(wave, MelSpec(SR)), MelSpec(SR))}
    rows: list[list[str]] = []
    for method in ("griffin_lim", "amdr"):
        best = dict.fromkeys(targets, float("inf"))
        for _ in range(5):
            for name, (target, mel) in targets.items():
                spent: list[float] = []
                for count in (20, 120):
                    began = time.perf_counter()
                    invert(
                        target, method, mel=mel, init="zero", max_iter=count, eva_iter=count,
                        tol=0, window=window, **STFT_SETTINGS, verbose=False,
                    )  # fmt: skip
                    spent.append(time.perf_counter() - began)
                best[name] = min(best[name], (spent[1] - spent[0]) / 100)
        micro = {name: 1e6 * seconds / magnitude.shape[-1] for name, seconds in best.items()}
        ratio = micro["mel"] / micro["linear"]
        rows.append([method, *(f"{value:.2f}" for value in micro.values()), f"{ratio:.2f}"])
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Measure, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--others", type=Path, nargs="+", default=[])
    parser.add_argument("--iterations", type=int, nargs="+", default=[32, 200])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    waves: list[Tensor] = []
    for file in arguments.files:
        wave, sr = read_audio(file)
        if sr != SR:
            parser.error(f"{file} has {sr} Hz, not {SR}")
        waves.append(wave[0])
    rows: list[list[str]] = []
    for name, recipe in RECIPES.items():
        for method in METHODS:
            for iterations in arguments.iterations:
                found = [measure(wave, recipe, method, iterations) for wave in waves]
                sc, quality, clarity, seconds = map(statistics.mean, zip(*found, strict=True))
                rows.append(
                    [
                        name, method, str(iterations), f"{sc:.1f}", f"{quality:.2f}",
                        f"{clarity:.3f}", f"{seconds:.2f}",
                    ]
                )  # fmt: skip
                print(rows[-1], flush=True)
    header = ["mel of", "method", "iterations", "mel SC, dB", "PESQ", "ESTOI", "seconds"]
    setting = (
        f"{len(waves)} files, {sum(map(len, waves)) / SR:.1f} s in all; {processor()}, "
        f"{platform.system()}, one thread; torch_specinv {__version__}, torch {torch.__version__}, "
        f"librosa {librosa.__version__}."
    )
    counts = [f"{count} iterations" for count in arguments.iterations]
    off = differences([*arguments.files, *arguments.others], arguments.iterations)
    times = paces(torch.cat(waves))
    text = (
        f"{table(header, rows)}\n\n{setting}\n\nHiFi-GAN's preset at 22.05 kHz: mean difference of "
        "the natural logarithms of the mel values, clamped at 1e-5:\n\n"
        f"{table(['file', *counts], off)}\n\nMicroseconds of an iteration and frame:\n\n"
        f"{table(['method', 'linear', 'mel', 'ratio'], times)}\n"
    )
    OUTPUT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
