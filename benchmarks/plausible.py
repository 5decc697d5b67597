"""How many wrong arrays are believed, and how many right ones are doubted.

python benchmarks/plausible.py RECORDING ... [--output FILE]

Each recording is written down as every mel preset does, and in the ways in which people get it
wrong (those of benchmarks/doctor.py, and transposed, standardised, and with other numbers of
bands), and checked as mel_to_audio does. A wrong one should raise an error or a warning.
Right ones should do neither: parts of recordings of several lengths, as they are, louder and
quieter, and synthetic sounds. The table goes into docs/_measured_plausible.md, or another file.
"""

from __future__ import annotations

import argparse
import math
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import torch
from doctor import NAMES, cases, magnitude, recordings
from torch import Tensor

from torch_specinv import ConventionWarning, SpecInvError
from torch_specinv.comparing.table import table
from torch_specinv.doctor.units import unit_of
from torch_specinv.inversion.request import Request
from torch_specinv.mel import PRESETS, preset

OUTPUT = Path(__file__).parent.parent / "docs" / "_measured_plausible.md"
# Seconds of the parts of recordings that are right input: sentences, words, syllables
PARTS = (3.0, 1.0, 0.4)


def reaction(array: Tensor, name: str) -> str:
    """Return how mel_to_audio takes an array for one of a preset."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:  # all that mel_to_audio checks before it begins
            request = Request.read(array.float(), "auto", {"preset": name})
            request.check(request.problem())
        except SpecInvError:
            return "error"
    told = any(issubclass(each.category, ConventionWarning) for each in caught)
    return "warning" if told else "silence"


def wrong(name: str, wave: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Write a waveform down in ways that are not the preset's."""
    own = unit_of(name, preset(name).mel).name
    for case in cases(name, wave):
        if case.mistake == "none":
            right = case.array
        # in some presets a convention of this list is the right one
        elif case.preset != name and (case.unit != own or case.kind != "mel"):
            yield case.mistake, case.array
    right = right[:, : 300 if right.shape[1] != len(right) else len(right) - 1]
    yield "transposed", right.mT
    yield "standardised as a whole", (right - right.mean()) / right.std()
    yield (
        "standardised row by row",
        (right - right.mean(1, keepdim=True)) / right.std(1, keepdim=True).clamp_min(1e-5),
    )
    spec, p = magnitude(name, wave), preset(name)
    for bands in {64, 80, 100, 128} - {p.n_mels}:
        yield "other bands", p.mel.record(spec, bands)


def sounds(sr: int) -> Iterator[Tensor]:
    """Return sounds that are no speech and no music."""
    g = torch.Generator().manual_seed(0)
    time = torch.arange(2 * sr) / sr
    noise = torch.randn(2 * sr, generator=g)
    shaped = torch.fft.irfft(torch.fft.rfft(noise) / (1 + torch.arange(sr + 1) / 30).sqrt())
    yield 0.1 * noise
    yield 1e-3 * noise
    yield shaped / shaped.abs().max()
    for frequency in (50, 440, 3000):
        yield 0.5 * torch.sin(2 * math.pi * frequency * time)
    yield 0.5 * torch.sin(2 * math.pi * 800 * time * time)
    yield 0.3 * torch.sign(torch.sin(2 * math.pi * 220 * time))
    yield (torch.arange(2 * sr) % 4001 == 0).float()
    yield torch.zeros(2 * sr)
    yield (torch.rand(2 * sr, generator=g) - 0.5) / 32768
    yield 0.5 * torch.sin(2 * math.pi * 600 * time) * (1 + torch.sin(2 * math.pi * 4 * time)) / 2
    yield sum((0.1 * torch.sin(2 * math.pi * f * time) for f in (220, 277, 330)), 0 * time)
    yield 0.3 * noise * (torch.sin(2 * math.pi * 2 * time) > 0.5)


def right(name: str, paths: list[Path]) -> Iterator[Tensor]:
    """Return arrays that are a preset's."""
    p = preset(name)
    g = torch.Generator().manual_seed(1)
    least = p.n_fft + 4 * p.hop_length
    waves = list(sounds(p.mel.sr))
    for seconds in PARTS:
        for wave in recordings(paths, p.mel.sr, 30.0):
            size = min(len(wave), round(seconds * p.mel.sr))
            for gain in (1.0, 0.03):
                begin = int(torch.randint(len(wave) - size + 1, (1,), generator=g))
                waves.append(gain * wave[begin : begin + size])
    for wave in waves:
        if len(wave) >= least:
            yield p.mel.record(magnitude(name, wave), p.n_mels)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    settings = parser.parse_args()
    torch.set_num_threads(1)
    mistakes: dict[str, Counter[str]] = {}
    presets: dict[str, Counter[str]] = {}
    alarms: dict[str, Counter[str]] = {}
    for name in NAMES:
        for wave in recordings(settings.files, preset(name).mel.sr, 3.0):
            for mistake, array in wrong(name, wave):
                told = reaction(array, name)
                mistakes.setdefault(mistake, Counter())[told] += 1
                presets.setdefault(name, Counter())[told] += 1
        alarms[name] = Counter(reaction(array, name) for array in right(name, settings.files))
        print(name, dict(presets[name]), dict(alarms[name]), flush=True)

    def row(label: str, counts: Counter[str]) -> list[str]:
        share = [f"{100 * counts[c] / counts.total():.1f}" for c in ("error", "warning", "silence")]
        return [label, str(counts.total()), *share]

    total = sum(mistakes.values(), Counter[str]())
    doubted = sum(alarms.values(), Counter[str]())
    rows = [row(label, counts) for label, counts in mistakes.items()]
    rows.append(row("**all**", total))
    by_preset = [
        [*row(name, counts), f"{alarms[name].total() - alarms[name]['silence']}"]
        for name, counts in presets.items()
    ]
    columns = ["arrays", "error", "warning", "silence"]
    text = (
        f"{len(settings.files)} recordings, 3 s of each, {len(NAMES)} of {len(PRESETS)} presets: "
        f"{total.total()} wrong arrays; in per cent.\n\n"
        + table(["mistake", *columns], rows)
        + "\n\n"
        + table(["preset", *columns, "right ones doubted"], by_preset)
        + f"\n\nOf {doubted.total()} right arrays {doubted['error']} raised an error and "
        f"{doubted['warning']} a warning."
    )
    settings.output.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
