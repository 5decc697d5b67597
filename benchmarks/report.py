"""Size of a listening report, and its time beside that of the inversions alone.

``python -m benchmarks.report`` prints both; time is that of the processor, with one thread.
"""

from __future__ import annotations

import argparse
import re
import time

import torch

from torch_specinv import STFT, invert, report
from torch_specinv.comparing import Clip
from torch_specinv.comparing.listening import heard
from torch_specinv.comparing.signals import music_like, speech_like

SR, N_FFT, MAX_ITER = 22050, 1024, 100
METHODS = (
    "auto", "griffin_lim", "agla", "amdr", "admm", "raar", "difference_map", "lbfgs",
)  # fmt: skip


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each clip")
    seconds = parser.parse_args().seconds
    torch.set_num_threads(1)
    print(size(clips(10, seconds), METHODS[:6]))
    print(duration(clips(20, seconds), METHODS))


def clips(count: int, seconds: float) -> list[Clip]:
    """Return speech-like and musical clips, each at another level."""
    signals = (speech_like, music_like)
    return [Clip(f"clip {i}", signals[i % 2](SR, seconds) * 0.95**i, SR) for i in range(count)]


def size(given: list[Clip], methods: tuple[str, ...]) -> str:
    """Return the bytes of a page and of the sounds and pictures in it."""
    entries = list(report.gather(given, methods, max_iter=10, n_fft=N_FFT))
    lines: list[str] = []
    for audio in ("flac", "ogg"):
        page = report.report_page(entries, audio=audio)
        texts = re.findall(r'class="file">(.*?)</script>', page, re.S)
        content = sum(len(text) * 7 // 8 for text in texts)
        lines.append(
            f"{len(given)} clips x {len(methods)} methods, {audio}: page {len(page.encode()):,} "
            f"bytes, {len(page.encode()) / content:.3f} x its sounds and pictures ({content:,})"
        )
    return "\n".join(lines)


def duration(given: list[Clip], methods: tuple[str, ...]) -> str:
    """Return the processor time of a report and of its inversions alone."""
    invert_all(given[:1], methods)  # imports and compilers
    began = time.process_time()
    invert_all(given, methods)
    alone = time.process_time() - began
    began = time.process_time()
    entries = list(report.gather(given, methods, max_iter=MAX_ITER, n_fft=N_FFT))
    gathered = time.process_time() - began
    report.report_page(entries)
    whole = time.process_time() - began
    began = time.process_time()
    for clip, entry in zip(given, entries, strict=True):
        for sound in entry.sounds[1:]:
            heard(sound.wave, clip, music=True)
    scores = time.process_time() - began
    return (
        f"{len(given)} clips x {len(methods)} methods: inversions alone {alone:.1f} s, report "
        f"{whole:.1f} s ({whole / alone:.2f} x), of which the page {whole - gathered:.1f} s and "
        f"ViSQOL {scores:.1f} s (without it {(whole - scores) / alone:.2f} x)"
    )


def invert_all(given: list[Clip], methods: tuple[str, ...]) -> None:
    """Invert each clip by each method."""
    for clip in given:
        stft = STFT.of_wave(clip.wave, n_fft=N_FFT, window=torch.hann_window(N_FFT))
        magnitude = stft(clip.wave)
        for method in methods:
            keywords = {"max_iter": MAX_ITER, "tol": 0, "length": len(clip.wave)}
            invert(magnitude, method, verbose=False, **keywords, **stft.geometry.keywords())


if __name__ == "__main__":
    main()
