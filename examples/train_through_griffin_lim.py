"""Train a model whose loss is taken behind eight iterations of Griffin-Lim.

python examples/train_through_griffin_lim.py [audio file]

A small network cleans a noisy magnitude. Its loss compares the spectrogram of the waveform that
belongs to its output with the clean one, in a resolution that the network never sees.
"""

from __future__ import annotations

import argparse

import torch

from torch_specinv import STFT
from torch_specinv.comparing.signals import speech_like
from torch_specinv.io import read_audio
from torch_specinv.nn import GriffinLim

STEPS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", help="an audio file; default: a synthetic voice")
    arguments = parser.parse_args()
    wave = read_audio(arguments.file)[0][0] if arguments.file else speech_like(16000)
    clean = wave[: len(wave) // 4096 * 4096].reshape(-1, 4096)[:8]  # a batch of 8 pieces
    torch.manual_seed(0)
    noisy = clean + 0.05 * torch.randn_like(clean)

    window = torch.hann_window(512)
    seen = STFT.of_wave(noisy, n_fft=512, window=window)
    compared = STFT.of_wave(noisy, n_fft=256, window=torch.hann_window(256))
    network = torch.nn.Sequential(
        torch.nn.Conv1d(257, 64, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv1d(64, 257, 1)
    )
    decoder = GriffinLim(8, tol=0, eva_iter=8, length=4096, window=window)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    magnitude, wanted = seen(noisy), compared(clean)

    losses = []
    for _ in range(STEPS):
        gain = torch.sigmoid(2 + network(magnitude.log1p()))
        estimate = decoder(gain * magnitude)
        loss = (compared(estimate) - wanted).abs().mean() / wanted.abs().mean()
        optimiser.zero_grad()
        loss.backward()  # through the waveform and all eight iterations
        optimiser.step()
        losses.append(float(loss.detach()))
    print(f"loss {losses[0]:.3f} before, {losses[-1]:.3f} after {STEPS} steps")


if __name__ == "__main__":
    main()
