"""What is known beside magnitudes: mixtures, gaps, several resolutions, bounds.

python benchmarks/constraints.py --speech FILE... --music FILE... [--part NAME...] [--seconds 3]

Files are at 16 kHz. Sources are each recording of speech with the first of music, at equal power;
three and four sources add other recordings. Noise is made here. One thread. PESQ needs the package
pesq. Each part writes its table into docs/_measured_constraints.md, and leaves the others there.
"""

from __future__ import annotations

import argparse
import re
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from torch_specinv import STFT, invert, separate
from torch_specinv.comparing import Degradation
from torch_specinv.comparing.degrade import Recording
from torch_specinv.comparing.speech import perceived
from torch_specinv.comparing.table import table
from torch_specinv.constraints import Between, Confidence, KnownBins
from torch_specinv.io import read_audio

OUTPUT = Path(__file__).parents[1] / "docs" / "_measured_constraints.md"
SR, N_FFT, HOP = 16000, 1024, 256
WIDE = {"n_fft": N_FFT, "hop_length": HOP, "window": torch.hann_window(N_FFT)}
NARROW = {"n_fft": 256, "hop_length": 64, "window": torch.hann_window(256)}
QUIET = {"verbose": False, "tol": 0}

Scores = dict[str, list[float]]


def si_sdr(truth: Tensor, found: Tensor) -> float:
    """Return the scale-invariant signal-to-distortion ratio in dB, in double precision."""
    y, z = truth.double(), found.double()
    own = (y @ z) / (y @ y) * y
    return float(10 * torch.log10(own.square().sum() / (own - z).square().sum()))


def mean_si_sdr(truth: Tensor, found: Tensor) -> float:
    """Return the mean over sources."""
    return statistics.fmean(si_sdr(*pair) for pair in zip(truth, found, strict=True))


def pesq(truth: Tensor, found: Tensor) -> float:
    """Return PESQ, wide band."""
    score = perceived(found, truth, SR)[0]
    assert score is not None
    return score


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
    return _rows("SI-SDR in dB ↑", scores, 1)


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
    return _rows("SI-SDR in dB ↑", scores, 0)


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


def predicted(before: Tensor, after: Tensor, count: int, order: int = 32) -> Tensor:
    """Return `count` samples between two parts, by linear prediction from both sides, faded.

    More than 32 coefficients, or longer parts, did worse on speech.
    """

    def extrapolate(past: np.ndarray) -> np.ndarray:
        rows = np.lib.stride_tricks.sliding_window_view(past, order + 1)
        earlier, next_ = rows[:, :-1][:, ::-1], rows[:, -1]
        products = earlier.T @ earlier
        ridge = 1e-6 * np.trace(products) / order * np.eye(order)
        taps = np.linalg.solve(products + ridge, earlier.T @ next_)
        signal, most = list(past[-order:]), 2 * np.abs(past).max()
        for _ in range(count):
            value = float(taps @ np.array(signal[: -order - 1 : -1]))
            signal.append(min(max(value, -most), most))
        return np.array(signal[order:])

    fade = np.cos(np.linspace(0, np.pi / 2, count)) ** 2
    forward = extrapolate(before.double().numpy())
    backward = extrapolate(after.double().numpy()[::-1].copy())[::-1]
    return torch.from_numpy(fade * forward + (1 - fade) * backward).float()


def inpainting(speech: list[Tensor], music: list[Tensor]) -> str:
    """Return a table of the SNR in gaps: samples that are lost, all around them being known."""
    scores: dict[str, Scores] = defaultdict(lambda: defaultdict(list))
    for ms in (10, 20, 40, 80):
        for clip in (*speech, *music[:1]):
            gap = SR * ms // 1000
            for part in range(1, 4):
                begin = len(clip) * part // 4
                wave = clip[max(0, begin - 8192) : begin + gap + 8192]
                first = min(begin, 8192)
                lost = slice(first, first + gap)
                holed = wave.clone()
                holed[lost] = 0
                stft = STFT.of_wave(wave, **NARROW)
                spectrum, truth = stft.analyse(holed), stft(wave)
                hole = torch.ones(len(wave))
                hole[lost] = 0
                whole = stft(1 - hole).amax(0) == 0  # frames that see nothing of the gap
                known = whole.expand(truth.shape)
                run = {**NARROW, **QUIET, "length": len(wave), "max_iter": 100}
                unknown = KnownBins(spectrum, known, known.float())
                magnitude = torch.where(known, truth, 0)
                found = {
                    "zeros": holed,
                    "linear prediction": _fill(holed, lost),
                    "consistency alone": invert(
                        magnitude, "griffin_lim", constraint=unknown, **run
                    ).wave,
                    "magnitudes, griffin_lim": invert(
                        truth, "griffin_lim", constraint=KnownBins(spectrum, known), **run
                    ).wave,
                    "magnitudes, raar": invert(
                        truth, "raar", constraint=KnownBins(spectrum, known), **run
                    ).wave,
                }
                for name, answer in found.items():
                    error = (answer - wave)[lost].square().sum() / wave[lost].square().sum()
                    scores[name][f"{ms} ms"].append(float(-10 * torch.log10(error)))
    return _rows("SNR in the gap, dB ↑", scores, 1)


def _fill(holed: Tensor, lost: slice) -> Tensor:
    filled = holed.clone()
    before, after = holed[: lost.start][-512:], holed[lost.stop :][:512]
    filled[lost] = predicted(before, after, lost.stop - lost.start)
    return filled


def resolutions(speech: list[Tensor], music: list[Tensor]) -> str:
    """Return a table of the fit to two resolutions, exact and blurred."""
    scores: dict[str, Scores] = defaultdict(lambda: defaultdict(list))
    for seed, wave in enumerate((*speech, *music[:1])):
        stfts = [STFT.of_wave(wave, **each) for each in (WIDE, NARROW)]
        exact = [stft(wave) for stft in stfts]
        blurred = [
            Degradation("smooth", seed=seed)(Recording(wave, SR, stft)).magnitude for stft in stfts
        ]
        run = {**QUIET, "length": len(wave), "max_iter": 100}
        for kind, given in (("exact", exact), ("smooth", blurred)):
            found = {
                f"auto, {N_FFT}/{HOP} alone": invert(given[0], **WIDE, **run).wave,
                "auto, 256/64 alone": invert(given[1], **NARROW, **run).wave,
            }
            for name in ("auto", "raar", "griffin_lim"):
                both = invert(given, name, transforms=[WIDE, NARROW], **run)
                found[f"{name}, both"] = both.wave
            for name, answer in found.items():
                for label, stft, truth in zip((N_FFT, 256), stfts, exact, strict=True):
                    distance = (stft(answer) - truth).norm() / truth.norm()
                    column = f"{kind}: SC at {label}"
                    scores[name][column].append(float(20 * torch.log10(distance)))
                if seed < len(speech):
                    scores[name][f"{kind}: PESQ"].append(pesq(wave, answer))
    return _rows("SC to the true magnitude in dB ↓, PESQ ↑", scores, 2)


def bounds(speech: list[Tensor], music: list[Tensor]) -> str:
    """Return a table of the SC to the true magnitude, which was quantised in decibels."""
    scores: dict[str, Scores] = defaultdict(lambda: defaultdict(list))
    for wave in (*speech, *music[:1]):
        stft = STFT.of_wave(wave, **WIDE)
        truth = stft(wave)
        run = {**WIDE, **QUIET, "length": len(wave), "max_iter": 100}
        for step in (0.3, 1.0, 3.0):
            level = 20 * torch.log10(truth / truth.max()).clamp_min(-80)
            low = truth.max() * 10 ** (torch.floor(level / step) * step / 20)
            high = low * 10 ** (step / 20)
            low = torch.where(level <= -80, 0, low)
            middle = torch.where(level <= -80, 0, (low * high).sqrt())
            weight = torch.where(level <= -80, 0.0, 1.0)
            found = {
                "amdr, the middle": invert(middle, "amdr", **run).wave,
                "amdr, Confidence 0 in silence": invert(
                    middle, "amdr", constraint=Confidence(weight), **run
                ).wave,
                "amdr, Between": invert(middle, "amdr", constraint=Between(low, high), **run).wave,
            }
            for name, answer in found.items():
                distance = (stft(answer) - truth).norm() / truth.norm()
                scores[name][f"steps of {step} dB"].append(float(20 * torch.log10(distance)))
    return _rows("SC to the true magnitude in dB ↓", scores, 1)


def _rows(title: str, scores: dict[str, Scores], decimals: int) -> str:
    columns = list(dict.fromkeys(column for row in scores.values() for column in row))
    return table(
        [title, *columns],
        [
            [
                name,
                *(f"{statistics.fmean(row[c]):.{decimals}f}" if c in row else "-" for c in columns),
            ]
            for name, row in scores.items()
        ],
    )


PARTS = {
    part.__name__: part
    for part in (separation, more_sources, cost, enhancement, inpainting, resolutions, bounds)
}


def main() -> None:
    """Measure, and write the tables down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", nargs="+", required=True)
    parser.add_argument("--music", nargs="+", required=True)
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    torch.set_num_threads(1)
    lists = []
    for files in (options.speech, options.music):
        waves = [read_audio(file) for file in files]
        if any(sr != SR for _, sr in waves):
            raise SystemExit(f"expected files at {SR} Hz")
        most = int(options.seconds * SR) // HOP * HOP
        lists.append(
            [wave[0, : min(most, wave.shape[1] // HOP * HOP)].float() for wave, _ in waves]
        )
    for name in options.part:
        began = time.perf_counter()
        text = PARTS[name](*lists)
        print(f"{name}, {time.perf_counter() - began:.0f} s\n{text}\n", flush=True)
        old = options.output.read_text("utf-8") if options.output.exists() else ""
        new = f"<!-- {name} -->\n\n{text}\n\n<!-- end of {name} -->\n"
        pattern = re.compile(rf"<!-- {name} -->\n.*<!-- end of {name} -->\n", re.DOTALL)
        kept = (
            pattern.sub(lambda _, text=new: text, old)
            if pattern.search(old)
            else (old + ("\n" if old else "") + new)
        )
        options.output.write_text(kept, "utf-8")


if __name__ == "__main__":
    main()
