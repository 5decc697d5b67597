"""Mel spectrograms that are wrong, as models predict them, inverted to sound."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import librosa
import torch
from torch import Tensor

from torch_specinv import mel_to_audio
from torch_specinv.comparing import Clip, Measurement
from torch_specinv.comparing.degrade import gaussian_blur
from torch_specinv.comparing.listening import heard
from torch_specinv.mel import MelSpec
from torch_specinv.metrics import lsd, sc
from torch_specinv.transform.stft import STFT

SETTINGS = {"n_fft": 1024, "hop_length": 256}
BANDS, CLAMP, BITS = 80, 1e-5, 6
RUNS = (("librosa", 200), ("griffin_lim", 100), ("raar", 16), ("auto", 32), ("auto", 100))


def quantised(log: Tensor) -> Tensor:
    """Round to 6 bits between the least and the greatest value."""
    least, most = log.min(), log.max()
    step = (most - least) / (2**BITS - 1)
    return least + ((log - least) / step).round() * step


def wrong(kind: str, log: Tensor, seed: int) -> Tensor:
    """Return a log-mel spectrogram (bands, frames) that is wrong in one way."""
    noise = torch.randn(log.shape, generator=torch.Generator().manual_seed(seed))
    ways: dict[str, Callable[[], Tensor]] = {
        "exact": lambda: log,
        "smooth": lambda: gaussian_blur(log, 0.5, 0.8),
        "noisy": lambda: log + 0.3 * noise,
        f"{BITS} bits": lambda: quantised(log),
    }
    return ways[kind]()


KINDS = ("exact", "smooth", "noisy", f"{BITS} bits")


def solve(method: str, mel: Tensor, recipe: MelSpec, iterations: int, length: int) -> Tensor:
    """Invert by librosa, or by one of our methods."""
    if method == "librosa":
        wave = librosa.feature.inverse.mel_to_audio(
            recipe.restore(mel).numpy(), sr=recipe.sr, **SETTINGS, power=recipe.power,
            n_iter=iterations, length=length, pad_mode="reflect",
        )  # fmt: skip
        return torch.from_numpy(wave)
    return mel_to_audio(
        mel, recipe.sr, **SETTINGS, log=recipe.log, clamp=recipe.clamp, algorithm=method,
        max_iter=iterations, tol=0, length=length, verbose=False,
    )  # fmt: skip


def measure_mels(clips: Sequence[Clip], seed: int) -> list[Measurement]:
    """Measure methods on wrong mel spectrograms of clips."""
    measured: list[Measurement] = []
    for kind in KINDS:
        for number, clip in enumerate(clips):
            recipe = MelSpec(clip.sr, log="ln", clamp=CLAMP)
            stft = STFT.of_wave(clip.wave, **SETTINGS, window=torch.hann_window(1024))
            truth = stft(clip.wave)
            mel = wrong(kind, recipe.record(truth, BANDS), seed + number)
            for method, iterations in RUNS:
                solve(method, mel, recipe, 1, len(clip.wave))  # to warm up
                began = time.perf_counter()
                wave = solve(method, mel, recipe, iterations, len(clip.wave))
                seconds = time.perf_counter() - began
                found = stft(wave)
                values = {
                    "sc_truth": float(sc(found, truth)),
                    "lsd_truth": float(lsd(found, truth)),
                }
                values |= heard(wave, clip, music=False)
                measured.append(
                    Measurement(clip.name, method, iterations, values, seconds, "{}", kind)
                )
        scores = [m.values["sc_truth"] for m in measured if m.kind == kind]
        print(f"mel, {kind}: {len(scores)}, {statistics.mean(scores):.1f} dB", flush=True)
    return measured
