"""Hear a constant-Q transform: nnAudio2's, inverted by L-BFGS from a good start.

python -m pip install nnAudio2
python examples/constant_q.py [audio file]

From noise L-BFGS finds some waveform that has this transform, and a wrong one: a constant-Q
transform says little about high frequencies. wave_init sends noise through the transform to learn
what each of its bands hears, and starts from the smoothest magnitudes that agree.
"""

from __future__ import annotations

import os
import sys

import torch
from torch import Tensor

from torch_specinv import L_BFGS, STFT, metrics, wave_init
from torch_specinv.comparing.signals import music_like
from torch_specinv.io import read_audio

os.environ["NNAUDIO_DISABLE_CITATION_REMINDER"] = "1"
from nnAudio2.features import CQT1992v2


def main() -> None:
    waves, sr = read_audio(sys.argv[1]) if sys.argv[1:] else (music_like(16000)[None], 16000)
    wave = waves[0, : 2 * sr]
    layer = CQT1992v2(sr=sr, hop_length=256, fmin=65.4, n_bins=72, verbose=False)

    def constant_q(x: Tensor) -> Tensor:
        return layer(x) if x.ndim > 1 else layer(x)[0]

    spec = constant_q(wave)
    seeded = {"generator": torch.Generator().manual_seed(0)}
    start = wave_init(spec, constant_q, len(wave), **seeded)
    settings = {"outer_max_iter": 100, "verbose": False, **seeded}
    found = {
        "the start": start,
        "from the start": L_BFGS(spec, constant_q, init_x0=start, **settings),
        "from noise": L_BFGS(spec, constant_q, len(wave), **settings),
    }
    stft = STFT.of_wave(wave, n_fft=1024, window=torch.hann_window(1024))
    for name, x in found.items():
        agreement, truth = metrics.sc(constant_q(x), spec), metrics.sc(stft(x), stft(wave))
        print(f"{name}: SC of the constant-Q transform {agreement:.1f} dB, of the STFT {truth:.1f}")


if __name__ == "__main__":
    main()
