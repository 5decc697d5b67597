"""Draw what iterating does to inexact magnitudes: writes docs/_static/inexact.png.

python docs/draw_inexact.py [SPEECH FILE...]

Griffin-Lim from PGHI after more and more iterations, on speech at 16 kHz; without files on clips
that are made up.
Needs the package pesq.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

import torch
from matplotlib.figure import Figure

from torch_specinv import STFT, invert
from torch_specinv.comparing import Clip, Degradation
from torch_specinv.comparing.degrade import Recording
from torch_specinv.comparing.listening import heard
from torch_specinv.comparing.signals import speech_like
from torch_specinv.io import read_audio
from torch_specinv.metrics import sc

PICTURE = Path(__file__).parent / "_static" / "inexact.png"
KINDS = {
    "exact": "exact",
    "noisy": "noisy: independent errors",
    "smooth": "smooth: blurred",
    "mel": "mel: spread out from 80 bands",
}
COUNTS = (1, 2, 4, 8, 16, 32, 64, 128)
SR, SETTINGS = 16000, {"n_fft": 1024, "hop_length": 256, "window": torch.hann_window(1024)}
GIVEN, TRUTH, AUTO, BEST = "#8a8d98", "#3b7cc4", "#d9822b", "#3a9560"


def clips() -> list[Clip]:
    """Read the files, or make clips up."""
    if len(sys.argv) == 1:
        return [Clip(f"{seed}", speech_like(SR, 3.0, seed), SR, True) for seed in range(3)]
    waves = {file: read_audio(file) for file in sys.argv[1:]}
    return [Clip(f, wave[0], sr, True) for f, (wave, sr) in waves.items() if sr == SR]


def measure(clip: Clip, kind: str, seed: int) -> dict[str, list[float]]:
    """Return SC to the given and to the true magnitude, and PESQ, after each count."""
    stft = STFT.of_wave(clip.wave, **SETTINGS)
    recording = Recording(clip.wave, SR, stft)
    given = Degradation(kind, seed=seed)(recording).magnitude
    keywords = {"tol": 0, "length": len(clip.wave), "verbose": False, **SETTINGS}
    waves = [
        invert(given, "griffin_lim", init="pghi", max_iter=n, eva_iter=n, **keywords).wave
        for n in COUNTS
    ]
    auto = invert(given, max_iter=100, **keywords).wave
    ceiling = stft.synthesise(torch.polar(given, recording.spectrum.angle()))

    def pesq(wave: torch.Tensor) -> float:
        return heard(wave, clip, music=False)["pesq"] or float("nan")

    return {
        "given": [float(sc(stft(wave), given)) for wave in waves],
        "truth": [float(sc(stft(wave), recording.magnitude)) for wave in waves],
        "pesq": [pesq(wave) for wave in waves],
        "auto": [pesq(auto)],
        "best": [pesq(ceiling)],
    }


def main() -> None:
    """Measure and draw."""
    torch.set_num_threads(1)
    sounds = clips()
    figure = Figure(figsize=(12, 5.6), layout="constrained")
    axes = figure.subplots(2, len(KINDS), sharex=True, sharey="row")
    for (above, below), (kind, title) in zip(axes.T, KINDS.items(), strict=True):
        found = [measure(clip, kind, seed) for seed, clip in enumerate(sounds)]
        mean = {
            name: [
                statistics.mean(values) for values in zip(*(f[name] for f in found), strict=True)
            ]
            for name in found[0]
        }
        above.plot(COUNTS, mean["given"], "o-", color=GIVEN, label="to the given magnitude")
        above.plot(COUNTS, mean["truth"], "o-", color=TRUTH, label="to the true magnitude")
        above.set(title=title, xscale="log")
        below.plot(COUNTS, mean["pesq"], "o-", color=TRUTH, label="Griffin-Lim from PGHI")
        below.axhline(mean["auto"][0], color=AUTO, label="auto, 100 iterations")
        below.axhline(mean["best"][0], color=BEST, linestyle="--", label="true phase")
        below.set(xlabel="iterations")
        below.set_xticks(COUNTS[::2], [str(count) for count in COUNTS[::2]])
        below.minorticks_off()
        for axis in (above, below):
            axis.grid(alpha=0.3)
        print(kind, mean, flush=True)
    axes[0, 0].set_ylabel("SC of Griffin-Lim from PGHI, dB")
    axes[1, 0].set_ylabel("PESQ")
    axes[0, 0].legend(fontsize="small")
    axes[1, 0].legend(fontsize="small")
    figure.savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    main()
