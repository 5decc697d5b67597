"""Parts of benchmarks/constraints.py: sources of a mixture, what they cost, and enhancement."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from constraint_setting import HOP, N_FFT, QUIET, WIDE, Scores, pesq, rows
from torch import Tensor

from torch_specinv import STFT, invert, separate
from torch_specinv.comparing.table import table


def si_sdr(truth: Tensor, found: Tensor) -> float:
    """Return the scale-invariant signal-to-distortion ratio in dB, in double precision."""
    y, z = truth.double(), found.double()
    own = (y @ z) / (y @ y) * y
    return float(10 * torch.log10(own.square().sum() / (own - z).square().sum()))


def mean_si_sdr(truth: Tensor, found: Tensor) -> float:
    """Return the mean over sources."""
    return statistics.fmean(si_sdr(*pair) for pair in zip(truth, found, strict=True))


def sources(speech: Sequence[Tensor], others: Sequence[Tensor]) -> Iterator[Tensor]:
    """Yield sources of the same power, (sources, samples), one set for each recording of speech."""
    for wave in speech:
        parts = [wave, *others]
        length = min(len(part) for part in parts) // HOP * HOP
        same = torch.stack([part[:length] for part in parts])
        yield same * (same[:1].square().mean() / same.square().mean(1, keepdim=True)).sqrt()


def misi_of_the_paper(magnitudes: Tensor, mixture: Tensor, count: int) -> Tensor:
    """Return what MISI as in the papers comes to, with torch.stft and torch.istft."""
    length, window, many = len(mixture), WIDE["window"], len(magnitudes)

    def wave(spectra: Tensor) -> Tensor:
        return torch.istft(spectra, N_FFT, HOP, window=window, length=length)

    spectrum = torch.stft(mixture, N_FFT, HOP, window=window, return_complex=True)
    found = wave(torch.polar(magnitudes, spectrum.angle().expand_as(magnitudes)))
    for _ in range(count):
        found = found + (mixture - found.sum(0)) / many
        spectra = torch.stft(found, N_FFT, HOP, window=window, return_complex=True)
        found = wave(torch.polar(magnitudes, spectra.angle()))
    return found + (mixture - found.sum(0)) / many


def given_magnitudes(truth: Tensor, seed: int) -> dict[str, Tensor]:
    """Return the magnitudes that a separator might give."""
    stft = STFT.of_wave(truth, **WIDE)
    exact, mixed = stft(truth), stft(truth.sum(0))
    generator = torch.Generator().manual_seed(seed)
    return {
        "exact": exact,
        "ratio mask": exact / exact.sum(0).clamp_min(1e-9) * mixed,
        "2 dB wrong": exact * torch.exp(0.25 * torch.randn(exact.shape, generator=generator)),
    }


def separation(speech: list[Tensor], music: list[Tensor]) -> str:
    """Return a table of SI-SDR of two sources."""
    scores: dict[str, Scores] = defaultdict(lambda: defaultdict(list))
    ways = [
        ("misi", 5), ("misi", 20), ("misi", 100), ("griffin_lim", 100), ("raar", 100),
        ("admm", 100), ("amdr", 100), ("auto", 100), ("incons_hard_mix", 1),
        ("mix_incons_hard_mag", 100), ("mix_incons", 100), ("mag_incons_hard_mix", 100),
    ]  # fmt: skip
    for seed, truth in enumerate(sources(speech, music[:1])):
        x = truth.sum(0)
        stft = STFT.of_wave(truth, **WIDE)
        for kind, given in given_magnitudes(truth, seed).items():
            start = torch.polar(given, stft.analyse(x).angle().expand_as(given))
            run = {**WIDE, **QUIET, "max_iter": 100, "length": len(x)}
            found = {
                "mixture's phase": stft.synthesise(start),
                "griffin_lim 100, no mixture": invert(start, "griffin_lim", **run).wave,
                "auto 100, no mixture": invert(given, "auto", **run).wave,
                "MISI of the papers 100": misi_of_the_paper(given, x, 100),
            }
            for name, count in ways:
                answer = separate(given, x, name, max_iter=count, **WIDE, **QUIET)
                found[f"**{name}** {count}"] = answer.wave
            for name, wave in found.items():
                scores[name][kind].append(mean_si_sdr(truth, wave))
    return rows("SI-SDR in dB ↑", scores, 1)


def more_sources(speech: list[Tensor], music: list[Tensor]) -> str:
    """Return a table of SI-SDR of two, three and four sources of exact magnitudes."""
    scores: dict[str, Scores] = defaultdict(lambda: defaultdict(list))
    shifted = [torch.roll(wave, len(wave) // 2) for wave in (*speech[1:], *music)]
    for count in (2, 3, 4):
        for truth in sources(speech[:1], [*music, *shifted][: count - 1]):
            for dtype in (torch.float32, torch.float64):
                exact = truth.to(dtype)
                stft = {**WIDE, "window": torch.hann_window(N_FFT, dtype=dtype)}
                given = STFT.of_wave(exact, **stft)(exact)
                for name in ("misi", "griffin_lim", "raar", "admm", "amdr", "auto"):
                    for steps in (100, 200):
                        wave = separate(
                            given, exact.sum(0), name, max_iter=steps, **stft, **QUIET
                        ).wave
                        kind = f"{count}, {str(dtype)[6:]}"
                        scores[f"{name} {steps}"][kind].append(mean_si_sdr(exact, wave))
    return rows("SI-SDR in dB ↑", scores, 0)


def cost(speech: list[Tensor], music: list[Tensor]) -> str:
    """Return a table of seconds for a mixture, beside those for as many single inversions."""
    truth = next(sources(speech, music[:1]))
    stft = STFT.of_wave(truth, **WIDE)
    given, x = stft(truth), truth.sum(0)
    run = {**WIDE, "max_iter": 100, "eva_iter": 100, **QUIET}
    rows = []
    for name in ("griffin_lim", "raar", "admm", "amdr", "auto"):
        single = _seconds(lambda n=name: invert(given, n, length=len(x), **run))
        mixed = _seconds(lambda n=name: separate(given, x, n, **run))
        rows.append([name, f"{single:.2f}", f"{mixed:.2f}", f"{mixed / single:.2f}"])
    papers = _seconds(lambda: misi_of_the_paper(given, x, 100))
    rows.append(["MISI of the papers", "", f"{papers:.2f}", ""])
    return table(["100 iterations, seconds", "two sources alone", "as a mixture", "ratio"], rows)


def _seconds(call: Callable[[], object]) -> float:
    times = []
    for _ in range(5):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return min(times)


def noise(length: int, seed: int) -> Tensor:
    """Return pink noise."""
    white = np.random.default_rng(seed).standard_normal(length)
    pink = np.fft.rfft(white) / np.maximum(np.arange(length // 2 + 1), 20) ** 0.5
    return torch.from_numpy(np.fft.irfft(pink, length)).float()


def wiener(power: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gain of a decision-directed Wiener filter, and the noise that it estimates.

    The noise is the mean of the quietest tenth of the frames (bins, frames).
    """
    quiet = power.sum(0).argsort()[: max(3, power.shape[1] // 10)]
    level = power[:, quiet].mean(1)
    gains, before = [], torch.zeros_like(level)
    for frame in power.T:
        ratio = frame / level
        prior = (0.98 * before + 0.02 * (ratio - 1).clamp_min(0)).clamp_min(10**-2.5)
        gains.append(prior / (1 + prior))
        before = gains[-1] ** 2 * ratio
    return torch.stack(gains, 1), level[:, None].expand_as(power)


def enhancement(speech: list[Tensor], music: list[Tensor]) -> str:
    """Return a table of what is gained over the noisy phase by an estimated mask."""
    scores: dict[str, Scores] = defaultdict(lambda: defaultdict(list))
    for snr in (0, 5, 10):
        for seed, clean in enumerate(speech):
            added = noise(len(clean), seed)
            power = clean.square().mean() / added.square().mean()
            x = clean + added * (power / 10 ** (snr / 10)).sqrt()
            stft = STFT.of_wave(x, **WIDE)
            spectrum = stft.analyse(x)
            gain, level = wiener(spectrum.abs().square())
            kept = gain * spectrum.abs()
            rest = {"what is left": (1 - gain) * spectrum.abs(), "its level": level.sqrt()}
            found = {
                "noisy": x,
                "noisy phase": stft.synthesise(torch.polar(kept, spectrum.angle())),
                "true phase": stft.synthesise(torch.polar(kept, stft.analyse(clean).angle())),
            }
            for what, other in rest.items():
                pair = torch.stack([kept, other])
                for name, steps in (("misi", 5), ("raar", 20), ("mix_incons", 20)):
                    wave = separate(pair, x, name, max_iter=steps, **WIDE, **QUIET).wave[0]
                    found[f"{name} {steps}, noise is {what}"] = wave
            base = si_sdr(clean, found["noisy phase"]), pesq(clean, found["noisy phase"])
            for name, wave in found.items():
                values = si_sdr(clean, wave), pesq(clean, wave)
                for column, value, of in zip(("SI-SDR", "PESQ"), values, base, strict=True):
                    scores[name][column].append(value)
                    scores[name][f"{column} gained"].append(value - of)
    lists = {name: dict(columns) for name, columns in scores.items()}
    header = [
        "magnitude of a Wiener filter",
        "SI-SDR ↑",
        "PESQ ↑",
        "SI-SDR gained: mean (least)",
        "PESQ gained",
    ]
    rows = []
    for name, c in lists.items():
        gains = [
            f"{statistics.fmean(c[k]):+.2f} ({min(c[k]):+.2f})"
            for k in ("SI-SDR gained", "PESQ gained")
        ]
        means = f"{statistics.fmean(c['SI-SDR']):.2f}", f"{statistics.fmean(c['PESQ']):.2f}"
        rows.append([name, *means, *gains])
    return table(header, rows)
