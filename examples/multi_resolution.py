"""Find a waveform that fits the magnitudes of three resolutions at once, by L-BFGS.

python examples/multi_resolution.py [audio file] [-o wave.wav]

Griffin-Lim fits one STFT. A transform for L-BFGS may return several, laid side by side.
"""

from __future__ import annotations

import argparse

import torch
from torch import Tensor

from torch_specinv import L_BFGS, STFT, griffin_lim, metrics
from torch_specinv.comparing.signals import music_like
from torch_specinv.comparing.table import table
from torch_specinv.io import read_audio, write_audio

SIZES = (512, 1024, 2048)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", help="an audio file; default: synthetic music")
    parser.add_argument("-o", "--output", help="where to write the waveform")
    arguments = parser.parse_args()
    wave, sr = read_audio(arguments.file) if arguments.file else (music_like(16000)[None], 16000)
    wave = wave[0, : 2 * sr]

    # normalized, so that each has the same energy and none outweighs the others
    resolutions = [
        STFT.of_wave(wave, n_fft=size, window=torch.hann_window(size), normalized=True)
        for size in SIZES
    ]

    def transform(x: Tensor) -> Tensor:
        return torch.cat([stft(x).flatten() for stft in resolutions])

    middle = resolutions[1]
    one = griffin_lim(
        middle(wave), 100, length=len(wave), verbose=False, **middle.geometry.keywords()
    )
    both = L_BFGS(transform(wave), transform, init_x0=one, outer_max_iter=100, verbose=False)

    rows = [
        [name, *[f"{metrics.sc(stft(x), stft(wave)):.1f}" for stft in resolutions]]
        for name, x in {"Griffin-Lim on 1024": one, "then L-BFGS on all": both}.items()
    ]
    print(table(["SC in dB", *map(str, SIZES)], rows))
    if arguments.output:
        write_audio(arguments.output, both, sr, force=True)


if __name__ == "__main__":
    main()
