"""Draw how sources of a mixture are found: writes docs/_static/separation.png.

python docs/draw_separation.py [SPEECH FILE  MUSIC FILE]

SI-SDR after more and more iterations, with exact and with wrong magnitudes; without files on clips
that are made up.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from matplotlib.figure import Figure

from torch_specinv import STFT, invert, separate
from torch_specinv.comparing.signals import CLIPS
from torch_specinv.io import read_audio
from torch_specinv.metrics import ser

PICTURE = Path(__file__).parent / "_static" / "separation.png"
COUNTS = (1, 2, 5, 10, 20, 50, 100)
SR, SETTINGS = 16000, {"n_fft": 1024, "hop_length": 256, "window": torch.hann_window(1024)}
WAYS = {"misi": "#3b7cc4", "raar": "#d9822b", "admm": "#3a9560", "auto": "#9b59b6"}


def sources() -> torch.Tensor:
    """Read two files, or make clips up; at the same power."""
    if len(sys.argv) > 2:
        waves = [read_audio(file)[0][0] for file in sys.argv[1:3]]
    else:
        waves = [make(SR, 2.0) for make in list(CLIPS.values())[:2]]
    length = min(len(wave) for wave in waves) // 256 * 256
    both = torch.stack([wave[:length].float() for wave in waves])
    return both / both.square().mean(1, keepdim=True).sqrt()


def main() -> None:
    """Measure and draw."""
    torch.set_num_threads(1)
    truth = sources()
    mixture, stft = truth.sum(0), STFT.of_wave(truth, **SETTINGS)
    exact, phase = stft(truth), stft.analyse(truth.sum(0)).angle()
    wrong = exact * torch.exp(0.25 * torch.randn(exact.shape, generator=torch.manual_seed(0)))
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    run = {**SETTINGS, "tol": 0, "verbose": False}

    def score(wave: torch.Tensor) -> float:
        return float(ser(wave.double()[:, None], truth.double()[:, None]).mean())

    for axes, (title, given) in zip(
        figure.subplots(1, 2), {"exact": exact, "2 dB wrong": wrong}.items(), strict=True
    ):
        start = torch.polar(given, phase.expand_as(given))
        masked = score(stft.synthesise(start))
        axes.axhline(masked, color="#8a8d98", linestyle=":", label="mixture's phase")
        alone = [
            invert(start, "griffin_lim", max_iter=n, length=len(mixture), **run).wave
            for n in COUNTS
        ]
        axes.plot(
            COUNTS, [score(w) for w in alone], color="#8a8d98", label="griffin_lim, no mixture"
        )
        for name, colour in WAYS.items():
            waves = [separate(given, mixture, name, max_iter=n, **run).wave for n in COUNTS]
            axes.plot(COUNTS, [score(wave) for wave in waves], color=colour, label=name)
        axes.set(xscale="log", xlabel="iterations", ylabel="SNR of the sources in dB", title=title)
    axes.legend(fontsize="small")
    figure.savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    main()
