"""What the tests of long recordings share: a run, and files to run it on."""

from __future__ import annotations

import numpy as np
import soundfile
import torch

from tests.conftest import hann
from torch_specinv.transform.stft import STFT

RUN = {"max_iter": 4, "verbose": False}


def wave_of(samples, channels=2):
    generator = torch.Generator().manual_seed(samples)
    return torch.randn(channels, samples, generator=generator, dtype=torch.float64)


def save(folder, samples=4001, channels=2, **keywords):
    """Write a magnitude; return its path, itself, and the keywords that belong to it."""
    keywords = {"n_fft": 64, "window": hann(64), **keywords}
    wave = wave_of(samples, channels)
    magnitude = STFT.of_wave(wave, **keywords)(wave)
    np.save(folder / "magnitude.npy", magnitude.numpy())
    return folder / "magnitude.npy", magnitude, {**keywords, "length": samples}


def read(path):
    return torch.from_numpy(soundfile.read(path, always_2d=True)[0].T)
