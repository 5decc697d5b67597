"""Enhance noisy speech: a Wiener filter says how loud speech is, and the noise is a second source.

python examples/enhance_speech.py [NOISY_FILE]

Without a file, speech-like sound with noise is made, and what is gained is printed.
"""

from __future__ import annotations

import sys

import torch

from torch_specinv import STFT, separate
from torch_specinv.comparing.signals import speech_like
from torch_specinv.io import read_audio, write_audio

clean, sr = None, 16000
if len(sys.argv) > 1:
    waves, sr = read_audio(sys.argv[1])
    noisy = waves[0]
else:
    clean = speech_like(sr, 2.0)
    noise = torch.randn(len(clean), generator=torch.Generator().manual_seed(0))
    noisy = clean + 0.3 * clean.std() * noise

settings = {"n_fft": 1024, "hop_length": 256, "window": torch.hann_window(1024)}
stft = STFT.of_wave(noisy, **settings)
spectrum = stft.analyse(noisy)
power = spectrum.abs().square()

# the noise is what the quietest tenth of the frames holds
quiet = power.sum(0).argsort()[: max(3, power.shape[1] // 10)]
level = power[:, quiet].mean(1, keepdim=True).expand_as(power)
gain = (1 - level / power).clamp_min(0.003)

magnitudes = torch.stack([gain * spectrum.abs(), level.sqrt()])
found = separate(magnitudes, noisy, "mix_incons", max_iter=20, verbose=False, **settings).wave
masked = stft.synthesise(gain * spectrum)


def snr(wave: torch.Tensor) -> float:
    """Return the signal-to-noise ratio in dB."""
    assert clean is not None
    return float(20 * torch.log10(clean.norm() / (wave - clean).norm()))


if clean is not None:
    for name, wave in {"noisy": noisy, "mask alone": masked, "two sources": found[0]}.items():
        print(f"{name}: {snr(wave):.1f} dB")
else:
    write_audio("enhanced.wav", found[0], sr)
    print("enhanced.wav")
