"""Hear a mel spectrogram without a trained vocoder.

python examples/mel_to_audio.py [audio file]

The mel spectrogram is made in HiFi-GAN's conventions from the file, or from a synthetic voice; a
model would predict it. What comes back is written to mel_to_audio.wav: here, or without a file in a
folder of its own. (The pauses of the synthetic voice are digital silence, whose logarithms differ
much; on recordings the differences are a few times smaller.)
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from torch_specinv import STFT, mel_to_audio
from torch_specinv.comparing.signals import speech_like
from torch_specinv.io import read_audio, write_audio
from torch_specinv.mel import preset

HIFIGAN = preset("hifigan")


def log_mel(wave: Tensor) -> Tensor:
    """Return the mel spectrogram (bands, frames) that HiFi-GAN is trained with."""
    padded = torch.nn.functional.pad(wave[None], (HIFIGAN.padding,) * 2, mode="reflect")[0]
    window = torch.hann_window(HIFIGAN.n_fft)
    stft = STFT.of_wave(
        padded, n_fft=HIFIGAN.n_fft, hop_length=HIFIGAN.hop_length, window=window, center=False
    )
    return HIFIGAN.mel.record(stft(padded), HIFIGAN.n_mels)


def main() -> None:
    sr = HIFIGAN.mel.sr
    waves, rate = read_audio(sys.argv[1]) if sys.argv[1:] else (speech_like(sr)[None], sr)
    if rate != sr:
        raise SystemExit(f"{sys.argv[1]} has {rate} Hz: resample it to {sr} Hz first.")
    wave = waves[0, : waves.shape[1] // HIFIGAN.hop_length * HIFIGAN.hop_length]
    mel = log_mel(wave)
    for iterations in (32, 200):
        found = mel_to_audio(mel, preset="hifigan", max_iter=iterations, verbose=False)
        difference = (log_mel(found) - mel).abs().mean()
        print(f"{iterations} iterations: log-mel values differ by {difference:.3f} on average")
    folder = Path.cwd() if sys.argv[1:] else Path(tempfile.mkdtemp())
    write_audio(folder / "mel_to_audio.wav", found, sr, force=True)
    print(f"written to {folder / 'mel_to_audio.wav'}")


if __name__ == "__main__":
    main()
