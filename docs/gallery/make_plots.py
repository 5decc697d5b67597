"""Draw the pictures of the gallery: ``python docs/gallery/make_plots.py``.

The clips are those of ``torch_specinv.comparing.signals``, made from formulas and fixed seeds,
at 16 kHz.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import librosa
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from torch_specinv import ADMM, STFT, Inversion, invert, invert_transform, metrics
from torch_specinv.comparing.signals import CLIPS

IMAGES = Path(__file__).with_name("images")
RATE, N_FFT, HOP = 16000, 1024, 256
KEYWORDS = {"hop_length": HOP, "window": torch.hann_window(N_FFT)}
SEEDS = 4
STARTS = {"spsi": "-", "random": "--", "zero": ":"}


class Clip:
    """A waveform, its transform and its magnitude."""

    def __init__(self, name: str) -> None:
        self.wave = CLIPS[name](RATE, 2.0)
        self.stft = STFT.of_wave(self.wave, n_fft=N_FFT, **KEYWORDS)
        self.magnitude = self.stft(self.wave)
        noise = torch.randn(self.magnitude.shape, generator=torch.Generator().manual_seed(0))
        self.inexact = self.magnitude * (1 + 0.2 * noise).clamp_min(0)

    def run(self, method: str, target: Tensor, **settings: Any) -> Inversion:
        """Invert a target of this clip."""
        settings = {"tol": 0, "length": len(self.wave), "verbose": False, **settings}
        return invert(target, method, **settings, **KEYWORDS)


def curve(
    clip: Clip, target: Tensor, method: str, start: str, **settings: Any
) -> tuple[Sequence[int], Tensor]:
    """Return the SC at each evaluation, for a random start the mean over seeds."""
    results = [
        clip.run(
            method,
            target,
            init=start,
            generator=torch.Generator().manual_seed(seed),
            max_iter=200,
            eva_iter=5,
            **settings,
        )
        for seed in range(SEEDS if start == "random" else 1)
    ]
    rows = torch.stack([result.history["sc"] for result in results])
    return results[0].evaluated, rows.mean(0)


def panels(*titles: str) -> tuple[Figure, list[Any]]:
    """Return a figure with a panel for each title."""
    width = 4 if len(titles) == 2 else 3.4
    figure = Figure(figsize=(width * len(titles), 3.3), layout="constrained")
    axes = list(figure.subplots(1, len(titles), squeeze=False)[0])
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title, fontsize="medium")
        axis.set(xlabel="iterations", ylabel="SC in dB")
        axis.grid(alpha=0.3)
    return figure, axes


def save(figure: Figure, axes: Sequence[Any], name: str) -> None:
    """Write the picture, with a legend in each of these panels that has none."""
    for axis in axes:
        if axis.get_legend() is None:
            axis.legend(fontsize="x-small")
    path = IMAGES / f"{name}.png"
    figure.savefig(path, dpi=100)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(64).save(path, optimize=True)
    print(f"{name}.png {path.stat().st_size // 1000} kB")


def griffin_lim(clips: dict[str, Clip]) -> None:
    """Draw each start, with and without momentum."""
    figure, axes = panels(*clips)
    for axis, clip in zip(axes, clips.values(), strict=True):
        for alpha, colour in ((0.0, "C0"), (0.99, "C1")):
            for start, dash in STARTS.items():
                x, y = curve(clip, clip.magnitude, "griffin_lim", start, alpha=alpha)
                axis.plot(x, y, color=colour, linestyle=dash, label=f"alpha={alpha:g}, {start}")
        axis.set_ylim(-38, -5)  # above, the first steps of a poor start are all alike
    save(figure, axes[:1], "griffin_lim")


def admm(clips: dict[str, Clip]) -> None:
    """Draw each start beside fast Griffin-Lim, and several rho for a target with errors."""
    figure, axes = panels(*clips, "speech, 20 % error in each bin")
    for axis, clip in zip(axes[:-1], clips.values(), strict=True):
        for method, colour in (("griffin_lim", "C1"), ("admm", "C2")):
            for start, dash in STARTS.items():
                x, y = curve(clip, clip.magnitude, method, start)
                axis.plot(x, y, color=colour, linestyle=dash, label=f"{method}, {start}")
        axis.set_ylim(-38, -5)
    clip = clips["speech"]
    x, y = curve(clip, clip.inexact, "griffin_lim", "spsi")
    axes[-1].plot(x, y, color="C1", label="griffin_lim")
    for rho, colour in ((0.0, "C4"), (0.1, "C2"), (0.5, "C0"), (1.0, "C3")):
        x, y = curve(clip, clip.inexact, "admm", "spsi", rho=rho)
        axes[-1].plot(x, y, color=colour, label=f"admm, rho={rho:g}")
    axes[-1].legend(fontsize="x-small", loc="center right", bbox_to_anchor=(1, 0.75))
    save(figure, axes[:1], "admm")


def rtisi_la(clips: dict[str, Clip]) -> None:
    """Draw the SC against look-ahead and iterations, the mean of both clips."""
    figure, axes = panels("look-ahead", "iterations")

    def reached(**settings: Any) -> float:
        settings = {"eva_iter": 1000, **settings}
        results = [c.run("rtisi_la", c.magnitude, **settings) for c in clips.values()]
        return float(torch.stack([r.history["sc"][-1] for r in results]).mean())

    frames, counts = range(7), (1, 2, 4, 8, 16, 32)
    for max_iter in (2, 8, 32):
        y = [reached(look_ahead=n, max_iter=max_iter) for n in frames]
        axes[0].plot(frames, y, marker=".", label=f"max_iter={max_iter}")
    for look_ahead in (0, 1, 3):
        for alpha, dash in ((0.99, "-"), (0.0, "--")):
            y = [reached(look_ahead=look_ahead, max_iter=n, alpha=alpha) for n in counts]
            label = f"{look_ahead} ahead, alpha={alpha:g}"
            axes[1].plot(counts, y, f"C{3 + look_ahead}.{dash}", label=label)
    axes[0].set(xlabel="frames of look-ahead")
    axes[1].set(xlabel="iterations for each frame", xscale="log", xticks=counts)
    axes[1].set_xticklabels(map(str, counts))
    axes[1].minorticks_off()
    axes[1].set_ylim(top=-7)
    axes[1].legend(fontsize="x-small", ncols=2, loc="upper right")
    save(figure, axes, "rtisi_la")


def smooth_magnitude(mel: Tensor, bank: Tensor) -> Tensor:
    """Return magnitudes with these mel values: multiplicative updates of the KL divergence."""
    weight = bank.sum(0)[:, None]
    magnitude = bank.T @ (mel / bank.sum(1, keepdim=True))
    magnitude = magnitude / (weight / weight.max()).clamp_min(1e-2)
    for _ in range(50):
        magnitude = magnitude * (bank.T @ (mel / (bank @ magnitude).clamp_min(1e-9)))
        magnitude = magnitude / weight.clamp_min(1e-9)
    return magnitude


def lbfgs(clips: dict[str, Clip]) -> None:
    """Draw an STFT as target, beside fast Griffin-Lim, and mel spectra on several scales."""
    figure, axes = panels("STFT, speech", "80 mel bands, speech")
    clip = clips["speech"]
    for method, colour in (("griffin_lim", "C1"), ("lbfgs", "C0")):
        for start, dash in STARTS.items():
            x, y = curve(clip, clip.magnitude, method, start)
            axes[0].plot(x, y, color=colour, linestyle=dash, label=f"{method}, {start}")

    bank = torch.from_numpy(librosa.filters.mel(sr=RATE, n_fft=N_FFT, n_mels=80))
    mel = bank @ clip.magnitude
    start = ADMM(smooth_magnitude(mel, bank), 100, length=len(clip.wave), verbose=False, **KEYWORDS)
    scales = {
        "mel": (lambda x: x, start),
        "log(0.01 + mel)": (lambda x: (x + 1e-2).log(), start),
        "log(max(mel, 1e-5))": (lambda x: x.clamp_min(1e-5).log(), start),
        "the same from noise": (lambda x: x.clamp_min(1e-5).log(), None),
    }
    for label, (scale, wave) in scales.items():
        values: list[float] = []
        found = invert_transform(
            scale(mel),
            lambda x, scale=scale: scale(bank @ clip.stft(x)),
            None if wave is not None else len(clip.wave),
            wave,
            outer_max_iter=200,
            tol=0,
            eva_iter=5,
            verbose=False,
            generator=torch.Generator().manual_seed(0),
            callback=lambda report, to=values: to.append(
                float(metrics.sc(bank @ clip.stft(report.wave), mel))
            ),
        )
        axes[1].plot(found.evaluated[1:], values, label=label)
    axes[0].set_ylim(-38, -5)
    axes[1].legend(fontsize="x-small", loc="center right", bbox_to_anchor=(1, 0.72))
    axes[1].set(ylabel="SC of the mel spectrogram in dB")
    save(figure, axes, "lbfgs")


def projections(clips: dict[str, Clip]) -> None:
    """Draw each method from PGHI; of those that plan ahead, also where shorter plans end."""
    figure, axes = panels(*clips)
    methods = ("griffin_lim", "agla", "raar", "difference_map", "amdr", "auto")
    for axis, clip in zip(axes, clips.values(), strict=True):
        for number, method in enumerate(methods):
            x, y = curve(clip, clip.magnitude, method, "pghi")
            axis.plot(x, y, color=f"C{number}", label=method)
            if method in ("amdr", "auto"):
                for budget in (20, 50, 100):
                    end = clip.run(method, clip.magnitude, max_iter=budget).history["sc"][-1]
                    axis.plot(budget, end, "o", color=f"C{number}", markersize=4)
    axes[1].legend(fontsize="x-small", loc="upper right", ncols=2)
    save(figure, axes[1:], "projections")


def mel(clips: dict[str, Clip]) -> None:
    """Draw how methods converge on 80 mel bands, and what comes back of a linear spectrogram."""
    figure, axes = panels(*clips)
    bank = torch.from_numpy(librosa.filters.mel(sr=RATE, n_fft=N_FFT, n_mels=80))
    settings = {"n_fft": N_FFT, "mel": bank, "init": "pghi", "max_iter": 200, "eva_iter": 5}
    for axis, clip in zip(axes, clips.values(), strict=True):
        target = bank @ clip.magnitude
        for method in ("griffin_lim", "admm", "raar", "amdr"):
            found = clip.run(method, target, **settings)
            axis.plot(found.evaluated, found.history["sc"], label=method)
        counts = (10, 32, 100, 200)
        theirs = [clip.stft(guess_once(target, count, len(clip.wave))) for count in counts]
        values = [float(metrics.sc(bank @ spec, target)) for spec in theirs]
        axis.plot(counts, values, "k.--", label="librosa: one guess, then Griffin-Lim")
        axis.set_ylabel("SC of the mel spectrogram in dB")
    save(figure, axes[:1], "mel")

    clip = clips["speech"]
    target = bank @ clip.magnitude
    ours = clip.run("auto", target, **settings).wave
    pictures = {
        "original": clip.magnitude,
        "80 bands of it": target,
        "from the bands: ours": clip.stft(ours),
        "librosa": clip.stft(guess_once(target, 200, len(clip.wave))),
    }
    figure = Figure(figsize=(10, 3), layout="constrained")
    for axis, (title, spec) in zip(figure.subplots(1, 4), pictures.items(), strict=True):
        shown = 20 * (spec / spec.max()).clamp_min(1e-4).log10()
        axis.imshow(shown.numpy(), origin="lower", aspect="auto", vmin=-80, vmax=0, cmap="magma")
        axis.set_title(title, fontsize="medium")
        axis.set(xlabel="frames", ylabel="bands" if "80" in title else "bins")
    save(figure, [], "mel_spectrograms")


def guess_once(target: Tensor, iterations: int, length: int) -> Tensor:
    """Invert as librosa does: magnitudes by least squares, then Griffin-Lim on these."""
    guess = librosa.feature.inverse.mel_to_stft(target.numpy(), sr=RATE, n_fft=N_FFT, power=1)
    wave = librosa.griffinlim(
        guess, hop_length=HOP, n_fft=N_FFT, n_iter=iterations, length=length, random_state=0
    )
    return torch.from_numpy(wave).float()


def main() -> None:
    """Draw all pictures."""
    torch.set_num_threads(1)
    IMAGES.mkdir(exist_ok=True)
    clips = {name: Clip(name) for name in CLIPS}
    for draw in (griffin_lim, admm, rtisi_la, lbfgs, projections, mel):
        draw(clips)


if __name__ == "__main__":
    main()
