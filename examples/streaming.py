"""Invert frames one by one, and hear them a few frames later.

python examples/streaming.py [audio file] [-o wave.wav]
"""

from __future__ import annotations

import argparse
import time

import torch

from torch_specinv import STFT, metrics
from torch_specinv.comparing.signals import speech_like
from torch_specinv.io import read_audio, write_audio
from torch_specinv.online import Streaming


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", help="an audio file; default: a synthetic voice")
    parser.add_argument("-o", "--output", help="where to write the waveform")
    parser.add_argument("--look-ahead", type=int, default=3)
    parser.add_argument("--max-iter", type=int, default=8)
    parser.add_argument("--algorithm", default="griffin_lim", help="or agla, admm, raar")
    arguments = parser.parse_args()
    wave, sr = read_audio(arguments.file) if arguments.file else (speech_like(16000)[None], 16000)
    wave = wave[0, : 3 * sr]

    keywords = {"hop_length": 256, "window": torch.hann_window(1024)}
    stft = STFT.of_wave(wave, n_fft=1024, **keywords)
    magnitude = stft(wave)
    online = Streaming(
        algorithm=arguments.algorithm, look_ahead=arguments.look_ahead,
        max_iter=arguments.max_iter, n_fft=1024, **keywords,
    )  # fmt: skip
    online.warm_up()

    parts, slowest = [], 0.0
    began = time.perf_counter()
    for frame in magnitude.T:
        before = time.perf_counter()
        parts.append(online.push(frame))  # the samples that this frame finishes
        slowest = max(slowest, time.perf_counter() - before)
    parts.append(online.flush())
    seconds = time.perf_counter() - began
    silent = sum(len(part) == 0 for part in parts)

    found = torch.cat(parts)
    # the frames alone do not tell how many of the last samples belong to the signal
    padded = torch.nn.functional.pad(found, (0, len(wave) - len(found)))
    print(f"latency {online.latency} samples, {1000 * online.latency / sr:.0f} ms")
    print(f"the first {silent} frames finish no samples")
    print(f"a frame lasts {256e3 / sr:.1f} ms, the slowest took {1000 * slowest:.1f} ms")
    print(f"{len(wave) / sr:.1f} s of audio in {seconds:.2f} s")
    print(f"SC {metrics.sc(stft(padded), magnitude):.1f} dB")
    if arguments.output:
        write_audio(arguments.output, found, sr, force=True)


if __name__ == "__main__":
    main()
