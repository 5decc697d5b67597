"""Find the waveform of a log-mel spectrogram by L-BFGS.

python examples/invert_log_mel.py [audio file]

80 bands say little about 513 bins, and from noise L-BFGS ends far from the target. So the start is
made in two steps: smooth magnitudes that have these mel values, and a phase for them by ADMM.
"""

from __future__ import annotations

import sys

import librosa
import torch
from torch import Tensor

from torch_specinv import ADMM, L_BFGS, STFT, metrics
from torch_specinv.comparing.signals import speech_like
from torch_specinv.io import read_audio


def smooth_magnitude(mel: Tensor, bank: Tensor, updates: int = 50) -> Tensor:
    """Return magnitudes with these mel values: multiplicative updates of the KL divergence."""
    weight = bank.sum(0)[:, None]
    magnitude = bank.T @ (mel / bank.sum(1, keepdim=True))
    magnitude = magnitude / (weight / weight.max()).clamp_min(1e-2)
    for _ in range(updates):
        ratio = mel / (bank @ magnitude).clamp_min(1e-9)
        magnitude = magnitude * (bank.T @ ratio) / weight.clamp_min(1e-9)
    return magnitude


def main() -> None:
    waves, sr = read_audio(sys.argv[1]) if sys.argv[1:] else (speech_like(16000)[None], 16000)
    wave = waves[0, : 2 * sr]
    keywords = {"hop_length": 256, "window": torch.hann_window(1024)}
    stft = STFT.of_wave(wave, n_fft=1024, **keywords)
    bank = torch.from_numpy(librosa.filters.mel(sr=sr, n_fft=1024, n_mels=80))

    def mel_of(x: Tensor) -> Tensor:
        return bank @ stft(x)

    def log_mel_of(x: Tensor) -> Tensor:
        return mel_of(x).clamp_min(1e-5).log()

    log_mel = log_mel_of(wave)  # what a model would predict
    mel = log_mel.exp()
    start = ADMM(smooth_magnitude(mel, bank), 100, length=len(wave), verbose=False, **keywords)
    settings = {"init_x0": start, "outer_max_iter": 200, "verbose": False}
    # the logarithm is easily undone, and L-BFGS comes nearer on the mel values themselves
    on_log = L_BFGS(log_mel, log_mel_of, **settings)
    on_mel = L_BFGS(mel, mel_of, **settings)
    for name, x in {"start": start, "on log-mel": on_log, "on mel": on_mel}.items():
        off = float((log_mel_of(x) - log_mel).square().mean().sqrt())
        print(f"{name}: SC of mel {metrics.sc(mel_of(x), mel):.1f} dB, log-mel off by {off:.2f}")


if __name__ == "__main__":
    main()
