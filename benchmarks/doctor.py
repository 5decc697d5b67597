"""How often the doctor is right: presets x recordings x common mistakes.

python benchmarks/doctor.py RECORDING ... [--seconds 3] [--looks] [--output FILE]

Each recording is written down as every preset does, in the ways in which people get it wrong, and
as networks are fed (standardised, or without the Nyquist bin), each as it is and transposed. The
tables go into docs/_measured_doctor.md, or another file. With --looks, what
torch_specinv/doctor/kinds.py expects of recordings is measured and printed instead.
"""

from __future__ import annotations

import argparse
import math
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import soxr
import torch
from torch import Tensor

from torch_specinv import STFT, Diagnosis, diagnose
from torch_specinv.comparing.table import table
from torch_specinv.doctor import warn_unless_magnitude
from torch_specinv.doctor.kinds import KNOWN_EXPECTED
from torch_specinv.doctor.measure import Measurement
from torch_specinv.doctor.units import UNITS, unit_of
from torch_specinv.io import read_audio
from torch_specinv.mel import PRESETS, preset
from torch_specinv.mel.emphasis import emphasise

OUTPUT = Path(__file__).parent.parent / "docs" / "_measured_doctor.md"
# Others are the same numbers in other frames, or take long
_LEFT_OUT = ("waveglow", "fastspeech2", "bigvgan_22khz", "audiomae", "riffusion")
NAMES = [name for name, p in PRESETS.items() if p.is_mel and name not in _LEFT_OUT]


class Case(NamedTuple):
    """An array, and what it is."""

    mistake: str
    array: Tensor
    kind: str
    unit: str
    preset: str | None = None
    nyquist: bool = True

    def verdict(self, found: Diagnosis, *, transposed: bool) -> str:
        """Say whether a diagnosis is right."""
        named = found.kind, found.unit, found.nyquist, found.transposed
        right = named == (self.kind, self.unit, self.nyquist, transposed)
        right = right and (self.preset is None or self.preset in found.presets)
        if found.sure:
            return "right" if right else "wrong"
        return "not sure, first guess right" if right else "not sure"


def cases(name: str, wave: Tensor) -> Iterator[Case]:
    """Write a waveform down as a preset does, and in other ways."""
    p = preset(name)
    power, kind = p.mel.power, "magnitude" if p.mel.power == 1 else "power"
    spec = magnitude(name, wave)
    sums = p.mel.bank(p.n_fft, p.n_mels).double() @ spec**power
    own = unit_of(name, p.mel).name
    yield Case("none", p.mel.record(spec, p.n_mels), "mel", own, name)
    int16 = 32768 / p.amplitude * spec
    yield Case("waveform of int16", p.mel.record(int16, p.n_mels), "mel", own)
    yield Case("no logarithm", sums, "mel", kind, name if p.mel.log is None else None)
    other = "power" if power == 1 else "magnitude"
    yield Case("the other power", sums ** (2 if power == 1 else 0.5), "mel", other)
    seen = sums.clamp_min(1e-5**power)
    yield Case("natural logarithm", seen.log(), "mel", f"natural logarithm of a {kind}")
    yield Case("log10", seen.log10(), "mel", f"log10 of a {kind}")
    decibels = 20 / power * seen.log10()
    yield Case("dB", decibels, "mel", "dB")
    loudest = decibels.max()
    below = decibels.clamp_min(loudest - 80) - loudest
    yield Case("dB below the maximum", below, "mel", "dB below the maximum")
    # of a waveform within [-1, 1]: one of int16 would be beyond the range everywhere
    full_scale = decibels - 20 * math.log10(p.amplitude)
    unit = ((full_scale + 80) / 100).clamp(0, 1)
    yield Case("100 dB to [0, 1]", unit, "mel", "100 dB normalised to [0, 1]")
    yield Case("100 dB to [-4, 4]", 8 * unit - 4, "mel", "100 dB normalised to [-4, 4]")
    stretched = (decibels - decibels.min()) / (loudest - decibels.min())
    own_range = "a logarithm stretched to its own range"
    yield Case("its own range to [0, 1]", stretched, "mel", own_range)
    yield Case("no mel", spec, "linear", "magnitude")
    yield Case("no mel, power", spec**2, "linear", "power")
    clamped = spec.clamp_min(1e-5)
    yield Case("no mel, ln", clamped.log(), "linear", "natural logarithm of a magnitude")
    yield Case("no mel, dB", 20 * clamped.log10(), "linear", "dB")
    yield Case("no mel, log1p", spec.log1p(), "linear", "log1p of a magnitude")


def network_cases(name: str, waves: list[Tensor], which: int) -> Iterator[Case]:
    """Write one of some waveforms down as networks are fed: standardised, or without a bin.

    The statistics are those of the array itself, or those of all the other recordings.
    """
    p = preset(name)
    bank, power = p.mel.bank(p.n_fft, p.n_mels).double(), p.mel.power
    spec = magnitude(name, waves[which])
    ln, least = "natural logarithm of a magnitude", 1e-5
    yield Case("no Nyquist bin", spec[:-1], "linear", "magnitude", nyquist=False)
    yield Case("no Nyquist bin, ln", spec[:-1].clamp_min(least).log(), "linear", ln, nyquist=False)
    for kind, mel in (("mel", True), ("linear", False)):
        logs = [
            (bank @ one**power).clamp_min(least**power).log() if mel else one.clamp_min(least).log()
            for one in (magnitude(name, wave) for wave in waves)
        ]
        own = logs.pop(which)
        for whose, corpus in (("its own", own), ("the others'", torch.cat(logs, 1))):
            for how, over in (("as a whole", (0, 1)), ("row by row", (1,))):
                mean = corpus.mean(over, keepdim=True)
                # rows that never change are left as they are
                std = corpus.std(over, keepdim=True, correction=0)
                array = (own - mean) / torch.where(std > 1e-6, std, 1)
                unit = f"a logarithm standardised {how}"
                yield Case(f"{kind}, ln standardised {how}, {whose}", array, kind, unit)


def verdicts(case: Case) -> Iterator[str]:
    """Diagnose an array as it is and transposed."""
    for transposed in (False, True):
        found = diagnose(case.array.mT if transposed else case.array)
        yield case.verdict(found, transposed=transposed)


def warned(spec: Tensor, name: str) -> bool:
    """Tell whether invert would warn of it as a magnitude under a preset's window."""
    stft = STFT.of(spec, **preset(name).stft_keywords())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_unless_magnitude(spec, stft.geometry.window)
    return bool(caught)


def magnitude(name: str, wave: Tensor) -> Tensor:
    """Return the magnitude under a preset's bands."""
    p = preset(name)
    wave = emphasise(wave * p.amplitude, p.preemphasis)
    wave = torch.nn.functional.pad(wave[None], (p.padding, p.padding), mode="reflect")[0]
    stft = STFT.of_wave(wave, **p.stft_keywords())
    return stft(wave).double()


def recordings(paths: list[Path], sr: int, seconds: float) -> Iterator[Tensor]:
    """Read files: so many seconds from their middle."""
    for path in paths:
        waves, own = read_audio(path)
        wave = waves.mean(0)
        spare = max(0, len(wave) - round(seconds * own)) // 2
        wave = wave[spare : len(wave) - spare].numpy()
        yield torch.from_numpy(soxr.resample(wave, own, sr)).float()


def print_looks(paths: list[Path], seconds: float) -> None:
    """Measure what recordings look like in each kind."""
    plain = UNITS[0]
    for name in KNOWN_EXPECTED:
        p, rows = preset(name), []
        bank = p.mel.bank(p.n_fft, p.n_mels).double()
        bank = bank[bank.sum(1) > 0]
        for wave in recordings(paths, p.mel.sr, seconds):
            sums = (bank @ magnitude(name, wave) ** p.mel.power) ** (1 / p.mel.power)
            look = Measurement.at(sums[None])
            level = float(sums.max().clamp_min(1e-9).log())
            rows.append([*look.texture(plain, 1.0), level, look.tilt(plain, 1.0)])
        values = torch.tensor(rows)
        mean, spread = values.nanmean(0).tolist(), values[~values.isnan().any(1)].std(0).tolist()
        print(name, *(f"{m:.2f} ({s:.2f})" for m, s in zip(mean, spread, strict=True)))


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--looks", action="store_true")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    settings = parser.parse_args()
    torch.set_num_threads(1)
    if settings.looks:
        print_looks(settings.files, settings.seconds)
        return
    mistakes: dict[str, Counter[str]] = {}
    presets: dict[str, Counter[str]] = {}
    networks: dict[str, Counter[str]] = {}
    alarms: dict[str, list[bool]] = {}
    for name in NAMES:
        waves = list(recordings(settings.files, preset(name).mel.sr, settings.seconds))
        for which, wave in enumerate(waves):
            for case in cases(name, wave):
                if case.mistake in ("no mel", "no mel, power"):
                    alarms.setdefault(case.unit, []).append(warned(case.array, name))
                for verdict in verdicts(case):
                    for counts, key in ((mistakes, case.mistake), (presets, name)):
                        counts.setdefault(key, Counter())[verdict] += 1
            for case in network_cases(name, waves, which):
                networks.setdefault(case.mistake, Counter()).update(verdicts(case))
        print(name, dict(presets[name]), flush=True)
    columns = ["right", "not sure, first guess right", "not sure", "wrong"]
    total, fed = (sum(t.values(), Counter[str]()) for t in (mistakes, networks))

    def row(name: str, counts: Counter[str]) -> list[str]:
        return [name, *(f"{100 * counts[c] / counts.total():.1f}" for c in columns)]

    rows = [row(name, counts) for name, counts in mistakes.items()]
    rows.append(row("**all**", total))
    network_rows = [row(name, counts) for name, counts in networks.items()]
    network_rows.append(row("**all**", fed))
    text = (
        f"{len(settings.files)} recordings, {settings.seconds:g} s of each, {len(NAMES)} presets, "
        f"as they are and transposed: {total.total()} arrays; in per cent.\n\n"
        + table(["mistake", *columns], rows)
        + "\n\n"
        + table(["preset", *columns], [row(name, counts) for name, counts in presets.items()])
        + f"\n\nArrays as networks are fed, {fed.total()} of them:\n\n"
        + table(["array", *columns], network_rows)
        + "\n\n`invert` warns of "
        + " and of ".join(f"{sum(told)} of {len(told)} {unit}s" for unit, told in alarms.items())
        + "."
    )
    settings.output.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
