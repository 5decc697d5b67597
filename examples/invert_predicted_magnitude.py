"""Turn a magnitude that a model predicted into a waveform, by several methods.

python examples/invert_predicted_magnitude.py [audio file] [-o wave.wav]

The prediction is made up: the magnitude of a clip, with an error of 10 % in each bin. No waveform
has exactly such a magnitude, so the error cannot become 0.
"""

from __future__ import annotations

import argparse
import time

import torch

from torch_specinv import STFT, invert, metrics
from torch_specinv.comparing.signals import speech_like
from torch_specinv.comparing.table import table
from torch_specinv.io import read_audio, write_audio

METHODS = {
    "griffin_lim": {"max_iter": 100, "alpha": 0.99},
    "admm": {"max_iter": 100, "rho": 0.5},
    "lbfgs": {"max_iter": 100},
    "rtisi_la": {"max_iter": 8, "look_ahead": 3},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", help="an audio file; default: a synthetic voice")
    parser.add_argument("-o", "--output", help="where to write the best waveform")
    arguments = parser.parse_args()
    wave, sr = read_audio(arguments.file) if arguments.file else (speech_like(16000)[None], 16000)
    wave = wave[0, : 3 * sr]

    keywords = {"hop_length": 256, "window": torch.hann_window(1024)}
    stft = STFT.of_wave(wave, n_fft=1024, **keywords)
    clean = stft(wave)
    torch.manual_seed(0)
    predicted = clean * (1 + 0.1 * torch.randn_like(clean)).clamp_min(0)

    waves, rows = {}, []
    for name, settings in METHODS.items():
        began = time.perf_counter()
        result = invert(predicted, name, length=len(wave), verbose=False, **settings, **keywords)
        seconds = time.perf_counter() - began
        reached = float(result.history["sc"][-1])
        waves[reached] = result.wave
        against_clean = float(metrics.sc(stft(result.wave), clean))
        rows.append([name, f"{reached:.1f}", f"{against_clean:.1f}", f"{seconds:.2f}"])
    print(table(["method", "SC to the prediction", "SC to the clean magnitude", "s"], rows))
    if arguments.output:
        write_audio(arguments.output, waves[min(waves)], sr, force=True)


if __name__ == "__main__":
    main()
