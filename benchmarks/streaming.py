"""Latency against quality, and the time of a push: what frames that arrive one by one cost.

python benchmarks/streaming.py FILE... [--mixture] [--pushes 20000] [--hours 0] [--paced MINUTES]

Spectral convergence with 8 iterations for each frame at look-ahead 0, 1 and 3, of every rule and
start, on the files, each at the setting next to its sample rate (at most --seconds of each); times
of a push, median and 99.9th percentile, one stream and 64; --hours of frames, and by how much the
memory of the process grew; --mixture: the sounds of torch_specinv.example, of equal power and with
their true magnitudes, as sources of a mixture; --paced minutes through specinv stream, at the pace
of a device, beside a process that keeps one core busy. One thread. What was measured is kept beside
this run's in docs/_measured_streaming.json, so that parts can be measured apart; the tables go into
docs/_measured_streaming.md.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from torch_specinv import STFT, example, invert, separate
from torch_specinv.comparing.setting import processor
from torch_specinv.comparing.signals import speech_like
from torch_specinv.comparing.table import table
from torch_specinv.io import read_audio, write_audio
from torch_specinv.live import quantile
from torch_specinv.metrics import sc
from torch_specinv.online import GUESSES, Streaming

DOCS = Path(__file__).parents[1] / "docs"
SETTINGS = {"22.05 kHz 1024/256": (22050, 1024, 256), "16 kHz 512/128": (16000, 512, 128)}
RULES = ("griffin_lim", "agla", "admm", "raar", "difference_map")
AHEAD, ITERATIONS = (0, 1, 3), 8
TIMED: dict[str, dict[str, Any]] = {
    "griffin_lim, look-ahead 3": {},
    "griffin_lim, look-ahead 3, in torch": {"backend": "torch"},
    "raar, look-ahead 3": {"algorithm": "raar"},
    "admm, look-ahead 3": {"algorithm": "admm"},
    "agla, look-ahead 3": {"algorithm": "agla"},
    "admm, look-ahead 0": {"algorithm": "admm", "look_ahead": 0},
    "griffin_lim, look-ahead 3, start pghi": {"init": "pghi"},
    "pghi alone, look-ahead 1": {"init": "pghi", "max_iter": 0, "look_ahead": 1},
}


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


def times(keywords: dict[str, Any], rows: int, pushes: int, streams: int = 1) -> list[float]:
    """Return the median and the 99.9th percentile of a push, in milliseconds.

    And the median of the processor's time, of which other processes take nothing.
    """
    generator = torch.Generator().manual_seed(0)
    frames = torch.rand(100, streams, rows, generator=generator)
    stream = Streaming(max_iter=ITERATIONS, **keywords) if "max_iter" not in keywords else (
        Streaming(**keywords)
    )  # fmt: skip
    seconds: list[float] = []
    processor_seconds: list[float] = []
    for number in range(pushes + 50):
        frame = frames[number % 100]
        began, processor_began = time.perf_counter(), time.process_time()
        stream.push(frame)
        processor_seconds.append(time.process_time() - processor_began)
        seconds.append(time.perf_counter() - began)
    late = [quantile(seconds[50:], share) for share in (0.5, 0.999)]
    return [1e3 * value for value in (*late, quantile(processor_seconds[50:], 0.5))]


def all_times(pushes: int) -> list[list[Any]]:
    """Return rows of a name, the milliseconds of a hop, and what :func:`times` returns."""
    found: list[list[Any]] = []
    for setting, (sr, n_fft, hop) in SETTINGS.items():
        for name, own in TIMED.items():
            stft = {"n_fft": n_fft, "hop_length": hop, "window": torch.hann_window(n_fft)}
            measured = times({**own, **stft}, n_fft // 2 + 1, pushes)
            found.append([f"{setting}, {name}", 1e3 * hop / sr, *measured])
            print(found[-1], flush=True)
        several = times({**stft}, n_fft // 2 + 1, max(pushes // 40, 100), 64)
        found.append([f"{setting}, griffin_lim, 64 streams", 1e3 * hop / sr, *several])
    own = times({"preset": "hifigan", "max_iter": ITERATIONS}, 80, pushes)
    found.append(["hifigan mel frames, griffin_lim, look-ahead 3", 1e3 * 256 / 22050, *own])
    return found


def growth(hours: float) -> list[float]:
    """Return the hours of frames, and the memory in MiB after 2 % of them and after all."""
    sr, n_fft, hop = SETTINGS["16 kHz 512/128"]
    stream = Streaming(
        n_fft=n_fft, hop_length=hop, window=torch.hann_window(n_fft), max_iter=ITERATIONS
    )
    frames = torch.rand(100, n_fft // 2 + 1)
    count, sizes = int(3600 * hours * sr / hop), []
    for number in range(count):
        stream.push(frames[number % 100])
        if number in (count // 50, count - 1):
            sizes.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return [hours, *sizes]


def paced(minutes: float) -> list[float]:
    """Return the minutes, and the underruns and the median wait in ms that specinv stream tells."""
    with tempfile.TemporaryDirectory() as folder:
        sr, path = 22050, Path(folder) / "long.wav"
        write_audio(path, speech_like(sr, 10.0).repeat(round(6 * minutes)), sr)
        busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        try:
            told = subprocess.run(
                [sys.executable, "-m", "torch_specinv", "stream", path, "-o",
                 Path(folder) / "out.wav", "--realtime"],
                capture_output=True, text=True, check=True,
            ).stderr  # fmt: skip
        finally:
            busy.kill()
            busy.wait()
    print(told)
    (underruns,) = re.findall(r"underruns: (\d+)", told)
    (wait,) = re.findall(r"([\d.]+) ms of waiting", told)
    return [minutes, float(underruns), float(wait)]


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


def rows_of(found: dict[str, list[float]]) -> list[list[str]]:
    """Return the rows of a table with a column for each look-ahead."""
    return [
        [name, *(f"{value:.1f}" for value in row), *[""] * (len(AHEAD) - len(row))]
        for name, row in found.items()
    ]


def page(kept: dict[str, Any]) -> str:
    """Return the tables of what has been measured."""
    parts: list[str] = []
    if "quality" in kept:
        rows = rows_of(kept["quality"])
        latency = [
            [f"heard after, at {name}", *(f"{1e3 * (n + k * hop) / sr:.0f} ms" for k in AHEAD)]
            for name, (sr, n, hop) in SETTINGS.items()
        ]
        parts += [
            "<!-- quality -->",
            f"SC in dB, mean over {kept['clips']} clips of at most {kept['seconds']:g} s, with "
            f"{ITERATIONS} iterations for each frame:",
            table(["look-ahead", *map(str, AHEAD)], latency + rows),
        ]
    if "mixture" in kept:
        parts += [
            "<!-- mixture -->",
            f"SI-SDR in dB, mean over speech and music of equal power that were added up, with "
            f"{ITERATIONS} iterations for each frame, from the true magnitudes:",
            table(["look-ahead", *map(str, AHEAD)], rows_of(kept["mixture"])),
        ]
    if "times" in kept:
        rows = [
            [name, f"{hop:.1f}", f"{own:.2f}", f"1/{hop / own:.0f}" if own < hop else "",
             f"{middle:.2f}", f"{late:.2f}"]
            for name, hop, middle, late, own in kept["times"]
        ]  # fmt: skip
        head = ["push of a frame", "hop, ms", "processor, ms", "of the hop", "median, ms"]
        head.append("99.9 %, ms")
        parts += ["<!-- times -->", table(head, rows)]
    if "growth" in kept:
        hours, early, late = kept["growth"]
        parts.append(
            f"Memory of the process over {hours:g} hours of frames: {early:.1f} MiB after a "
            f"fiftieth of them, {late:.1f} MiB at the end."
        )
    if "paced" in kept:
        minutes, underruns, wait = kept["paced"]
        parts.append(
            f"`specinv stream` on a file at the pace of a device, for {minutes:g} minutes beside a "
            f"busy core: {underruns:.0f} underruns, median wait {wait:.1f} ms."
        )
    loads = [f"{name} {load:.1f}" for name, load in kept["loads"].items()]
    parts.append(
        f"{kept['processor']}, one thread, torch {kept['torch']}. Load of the machine, which has "
        f"{kept['cores']} cores, at the end of each part: {', '.join(loads)}."
    )
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Measure what is asked for, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--mixture", action="store_true")
    parser.add_argument("--pushes", type=int, default=0)
    parser.add_argument("--hours", type=float, default=0.0)
    parser.add_argument("--paced", type=float, default=0.0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    store = DOCS / "_measured_streaming.json"

    def keep(**found: Any) -> None:
        kept = json.loads(store.read_text(encoding="utf-8")) if store.exists() else {}
        loads = kept.get("loads", {}) | {next(iter(found)): os.getloadavg()[1]}
        kept |= found | {
            "processor": processor(), "torch": torch.__version__, "cores": os.cpu_count(),
            "loads": loads,
        }  # fmt: skip
        store.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        (DOCS / "_measured_streaming.md").write_text(page(kept), encoding="utf-8")

    with torch.no_grad():
        if given.files:
            clips = [Clip(path, given.seconds) for path in given.files]
            keep(quality=qualities(clips), clips=len(clips), seconds=given.seconds)
        if given.mixture:
            keep(mixture=mixtures())
        if given.pushes:
            keep(times=all_times(given.pushes))
        if given.hours:
            keep(growth=growth(given.hours))
        if given.paced:
            keep(paced=paced(given.paced))
    print((DOCS / "_measured_streaming.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
