"""How near mel inversion comes: mel_to_audio, and librosa's.

python benchmarks/mel.py SPEECH.wav ... [--iterations 32 200]

The files are speech at 16 kHz; 1024/256, 80 bands, one thread. PESQ (wide band) and ESTOI need the
packages pesq and pystoi. The table goes into docs/_measured_mel.md.
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
import torch
from torch import Tensor

from torch_specinv import STFT, __version__, mel_to_audio
from torch_specinv.comparing.measure import processor
from torch_specinv.features import MelSpec
from torch_specinv.io import read_audio
from torch_specinv.report import table

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


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+")
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
    OUTPUT.write_text(f"{table(header, rows)}\n\n{setting}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
