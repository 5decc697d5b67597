"""How long a push takes, over hours, and at the pace of a device."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from streaming_cases import ITERATIONS, SETTINGS

from torch_specinv.comparing.signals import speech_like
from torch_specinv.io import write_audio
from torch_specinv.live import quantile
from torch_specinv.online import Streaming

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


def times(keywords: dict[str, Any], rows: int, pushes: int, streams: int = 1) -> list[float]:
    """Return the median and the 99.9th percentile of a push, in milliseconds.

    And the median of the processor's time, of which other processes take nothing.
    """
    generator = torch.Generator().manual_seed(0)
    frames = torch.rand(100, streams, rows, generator=generator)
    stream = Streaming(**{"max_iter": ITERATIONS, **keywords})
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
