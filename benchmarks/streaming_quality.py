"""How near to the true magnitudes frames that arrive one by one come, at each look-ahead."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from streaming_cases import AHEAD, ITERATIONS, RULES, SETTINGS
from torch import Tensor

from torch_specinv import STFT, example, invert, separate
from torch_specinv.io import read_audio
from torch_specinv.metrics import sc
from torch_specinv.online import GUESSES, Streaming


class Clip:
    """A file, its STFT and its magnitude."""

    def __init__(self, path: Path, seconds: float) -> None:
        wave, sr = read_audio(path)
        nearest = min(SETTINGS.values(), key=lambda setting: abs(setting[0] - sr))
        # as many samples as the frames tell of
        samples = min(wave.shape[-1], int(seconds * sr))
        self.wave = wave[0, : samples // nearest[2] * nearest[2]]
        self.keywords: dict[str, Any] = {
            "n_fft": nearest[1],
            "hop_length": nearest[2],
            "window": torch.hann_window(nearest[1]),
        }
        self.stft = STFT.of_wave(self.wave, **self.keywords)
        self.magnitude = self.stft(self.wave)

    def error(self, invert: Callable[[Clip], Tensor]) -> float:
        """Return the spectral convergence in dB of what is found."""
        return float(sc(self.stft(invert(self)), self.magnitude))


def streamed(**settings: Any) -> Callable[[Clip], Tensor]:
    """Return what pushes a clip's magnitude."""

    def run(clip: Clip) -> Tensor:
        stream = Streaming(**settings, **clip.keywords)
        return torch.cat([stream.push(clip.magnitude), stream.flush()])

    return run


def offline(name: str, max_iter: int) -> Callable[[Clip], Tensor]:
    """Return what inverts a clip's magnitude as a whole."""

    def run(clip: Clip) -> Tensor:
        return invert(clip.magnitude, name, max_iter=max_iter, verbose=False, **clip.keywords).wave

    return run


def qualities(clips: list[Clip]) -> dict[str, list[float]]:
    """Return the mean error of each row, at each look-ahead."""

    def mean(run: Callable[[Clip], Tensor]) -> float:
        return statistics.mean(clip.error(run) for clip in clips)

    found: dict[str, list[float]] = {}
    starts = [(rule, "least_squares") for rule in RULES]
    starts += [(rule, init) for init in GUESSES if init != "least_squares" for rule in ("agla",)]
    for rule, init in starts:
        settings = {"algorithm": rule, "init": init, "max_iter": ITERATIONS}
        row = [mean(streamed(look_ahead=ahead, **settings)) for ahead in AHEAD]
        found[rule if init == "least_squares" else f"{rule}, start {init}"] = row
        print(rule, init, row, flush=True)
    for init in ("pghi", "spsi"):
        alone = [mean(streamed(look_ahead=ahead, init=init, max_iter=0)) for ahead in AHEAD]
        found[f"{init} alone"] = alone
    found["offline: griffin_lim, 32 iterations"] = [mean(offline("griffin_lim", 32))]
    found["offline: pghi"] = [mean(offline("pghi", 1))]
    return found


def mixtures() -> dict[str, list[float]]:
    """Return the mean SI-SDR in dB of two sources of a mixture, whose magnitudes are true."""
    sounds = [example(name)[0] for name in ("speech", "music")]
    samples = min(map(len, sounds)) // 256 * 256
    waves = torch.stack([sound[:samples] / sound[:samples].norm() for sound in sounds])
    keywords: dict[str, Any] = {
        "n_fft": 1024,
        "hop_length": 256,
        "window": torch.hann_window(1024),
    }
    stft = STFT.of_wave(waves, **keywords)
    spectra = stft.analyse(waves)
    magnitude, mixture = spectra.abs(), spectra.sum(0)

    def quality(found: Tensor) -> float:
        target = (found * waves).sum(-1, keepdim=True) / waves.square().sum(-1, keepdim=True)
        parts = [x.square().sum(-1) for x in (target * waves, found - target * waves)]
        return float((10 * (parts[0] / parts[1]).log10()).mean())

    phase = torch.polar(magnitude, mixture.angle().expand_as(magnitude))
    kept: dict[str, list[float]] = {"phase of the mixture": [quality(stft.synthesise(phase))]}
    for rule in RULES:
        kept[rule] = []
        for ahead in AHEAD:
            stream = Streaming(
                sources=2, algorithm=rule, look_ahead=ahead, max_iter=ITERATIONS, **keywords
            )
            wave = torch.cat([stream.push(magnitude, mixture), stream.flush()], -1)
            kept[rule].append(quality(wave))
    for steps in (5, 20):
        wave = separate(
            magnitude, mixture, max_iter=steps, length=samples, verbose=False, **keywords
        ).wave
        kept[f"offline: separate, {steps} iterations"] = [quality(wave)]
    return kept
