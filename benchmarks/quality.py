"""How near every method comes, against librosa and torchaudio, in six settings.

python benchmarks/quality.py [--speech FILE...] [--music FILE...] [--folder specinv_compare]
    [--only-noise]

On pieces that are cut out of the files mid-sound, on whole utterances, and on magnitudes with
noise; without files on the package's own clips. One thread. Every measurement is kept in the
folder as soon as it is made, so a run that was killed goes on where it was. The tables and the
picture go into docs/. PESQ and ESTOI need the packages pesq and pystoi.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
from collections.abc import Sequence
from pathlib import Path

import librosa
import torch
from torch import Tensor

from torch_specinv.comparing import (
    Clip,
    Measurement,
    compare,
    curves,
    equal_iterations,
    equal_time,
    installed_peers,
)
from torch_specinv.comparing.peers import versions
from torch_specinv.comparing.setting import processor
from torch_specinv.comparing.signals import CLIPS
from torch_specinv.comparing.table import table
from torch_specinv.io import read_audio
from torch_specinv.metrics import sc
from torch_specinv.plots import plot_curves

DOCS = Path(__file__).parents[1] / "docs"
SETTINGS = {
    "16 kHz 1024/256": (16000, 1024, 256),
    "16 kHz 512/128": (16000, 512, 128),
    "16 kHz 1024/512": (16000, 1024, 512),
    "16 kHz 1024/128": (16000, 1024, 128),
    "22.05 kHz 1024/256": (22050, 1024, 256),
    "44.1 kHz 2048/512": (44100, 2048, 512),
}
METHODS = (
    "auto", "amdr", "raar", "admm", "difference_map", "agla", "griffin_lim", "lbfgs", "rtisi_la",
    "pghi", *installed_peers(),
)  # fmt: skip
BUDGETS = (32, 100, 200)
# what is run for as long as it takes
LONG, LONGEST = ("auto", "raar", "admm", "griffin_lim", "librosa"), 1000
PIECES, SECONDS = 3, 1.7
NOISE = 15.0


def read(files: Sequence[Path], *, speech: bool) -> list[Clip]:
    """Read the first channel of audio files."""
    clips = []
    for file in files:
        wave, sr = read_audio(file)
        clips.append(Clip(file.stem, wave[0], sr, speech))
    return clips


def made_up() -> list[Clip]:
    """Return the package's own clips."""
    return [
        Clip(f"{name} {seed}", make(44100, 6.0, seed), 44100, False)
        for name, make in CLIPS.items()
        for seed in range(3)
    ]


def at_rate(clip: Clip, sr: int) -> Clip:
    """Resample a clip."""
    if clip.sr == sr:
        return clip
    wave = librosa.resample(clip.wave.numpy(), orig_sr=clip.sr, target_sr=sr)
    return clip._replace(wave=torch.from_numpy(wave), sr=sr)


def pieces(clip: Clip) -> list[Clip]:
    """Cut pieces out of a clip, evenly spaced and away from its ends."""
    size = min(int(SECONDS * clip.sr), len(clip.wave))
    cut = []
    for number in range(PIECES):
        begin = (len(clip.wave) - size) * (number + 1) // (PIECES + 1)
        wave = clip.wave[begin : begin + size]
        cut.append(clip._replace(name=f"{clip.name} {number}", wave=wave, speech=False))
    return cut


def with_noise(magnitude: Tensor) -> Tensor:
    """Add noise to a magnitude, 15 dB below it: no waveform has the outcome."""
    noise = torch.randn(magnitude.shape, generator=torch.Generator().manual_seed(0))
    level = magnitude.square().mean().sqrt() * 10 ** (-NOISE / 20)
    return (magnitude + level * noise).abs()


def truth(clips: Sequence[Clip]) -> float:
    """Return the median SC of true magnitudes against those with noise."""
    _, n_fft, hop_length = next(iter(SETTINGS.values()))
    stft = {"n_fft": n_fft, "hop_length": hop_length, "window": torch.hann_window(n_fft)}
    true = [torch.stft(clip.wave, return_complex=True, **stft).abs() for clip in clips]
    return statistics.median(float(sc(one, with_noise(one))) for one in true)


def gains(measured: Sequence[Measurement], method: str, budget: int) -> list[float]:
    """Return by how many dB a method is nearer than librosa, clip by clip."""
    theirs = {
        (m.clip, m.setting): m.sc
        for m in measured
        if (m.method, m.iterations) == ("librosa", budget)
    }
    return [
        theirs[m.clip, m.setting] - m.sc
        for m in measured
        if (m.method, m.iterations) == (method, budget)
    ]


def gain_table(by_setting: dict[str, list[Measurement]]) -> str:
    """Return the gain of auto over librosa in each setting, and in all."""
    rows = []
    together = [m for measured in by_setting.values() for m in measured]
    for name, measured in [*by_setting.items(), ("all", together)]:
        row = [name]
        for budget in (*BUDGETS, LONGEST):
            values = gains(measured, "auto", budget)
            row.append(f"{statistics.median(values):.1f} / {min(values):.1f}" if values else "-")
        rows.append(row)
    return table(["setting", *(f"{n}: median / least" for n in (*BUDGETS, LONGEST))], rows)


def method_table(by_setting: dict[str, list[Measurement]], budget: int) -> str:
    """Return the median SC of each method in each setting after so many iterations."""
    rows = []
    for method in METHODS:
        groups = [
            [m.sc for m in measured if (m.method, m.iterations) == (method, budget)]
            for measured in by_setting.values()
        ]
        if any(groups):
            rows.append([method, *(f"{statistics.median(g):.1f}" if g else "-" for g in groups)])
    return table([f"{budget} iterations", *by_setting], rows)


def race(measured: Sequence[Measurement]) -> str:
    """Say how auto after 32 iterations compares with librosa after 200."""
    ours = {(m.clip, m.setting): m for m in measured if (m.method, m.iterations) == ("auto", 32)}
    theirs = [m for m in measured if (m.method, m.iterations) == ("librosa", 200)]
    pairs = [(ours[m.clip, m.setting], m) for m in theirs]
    better = sum(a.sc < b.sc for a, b in pairs)
    sooner = statistics.median(b.seconds / a.seconds for a, b in pairs)
    return (
        f"`auto` after 32 iterations is nearer than librosa after 200 on {better} of {len(pairs)} "
        f"pieces, and {sooner:.1f} times sooner there (median), its start included."
    )


def run(clips: Sequence[Clip], setting: str, store: Path, **keywords: object) -> list[Measurement]:
    """Measure all methods on clips in a setting; the longest runs on pieces only."""
    sr, n_fft, hop_length = SETTINGS[setting]
    resampled = [at_rate(clip, sr) for clip in clips]
    stft = {"n_fft": n_fft, "hop_length": hop_length, "window": torch.hann_window(n_fft)}
    measured = list(compare(resampled, METHODS, BUDGETS, store, **stft, **keywords))
    print(f"{setting}: {len(measured)} measurements", flush=True)
    return measured


def write(
    clips: Sequence[Clip],
    by_setting: dict[str, list[Measurement]],
    whole: list[Measurement],
    noisy: list[Measurement],
) -> None:
    """Write the tables and the picture."""
    first = next(iter(SETTINGS))
    cut = [piece for clip in clips for piece in pieces(at_rate(clip, SETTINGS[first][0]))]
    together = [m for measured in by_setting.values() for m in measured]
    names = ", ".join(
        f"{clip.name} ({hashlib.sha256(clip.wave.numpy().tobytes()).hexdigest()[:8]})"
        for clip in clips
    )
    used = ", ".join(f"{name} {version}" for name, version in versions().items())
    sections = {
        "gains": gain_table(by_setting),
        "race": race(together),
        "methods": "\n\n".join(method_table(by_setting, n) for n in (*BUDGETS, LONGEST)),
        "pieces": equal_iterations(by_setting[first]),
        "time": equal_time(by_setting[first]),
        "whole": equal_iterations(whole),
        "noise": equal_iterations(noisy),
        "truth": f"The true magnitude itself is at {truth(cut):.1f} dB (median).",
        "setting": f"Files, with the first digits of the SHA-256 of their samples: {names}. "
        f"Versions: {used}. {processor()}, one thread.",
    }
    text = "\n\n".join(f"<!-- {name} -->\n\n{body}" for name, body in sections.items())
    (DOCS / "_measured_quality.md").write_text(f"{text}\n\n<!-- end -->\n", encoding="utf-8")
    plot_curves(DOCS / "_static" / "quality.png", curves(by_setting[first]), force=True)
    print(text)


def write_noise(noisy: list[Measurement]) -> None:
    """Write the table of magnitudes with noise alone, and leave the others as they are."""
    file = DOCS / "_measured_quality.md"
    before, _, rest = file.read_text(encoding="utf-8").partition("<!-- noise -->")
    after = rest[rest.index("<!-- truth -->") :]
    text = f"{before}<!-- noise -->\n\n{equal_iterations(noisy)}\n\n{after}"
    file.write_text(text, encoding="utf-8")


def main() -> None:
    """Measure, and write the tables and the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", type=Path, nargs="*", default=[])
    parser.add_argument("--music", type=Path, nargs="*", default=[])
    parser.add_argument("--folder", type=Path, default=Path("specinv_compare"))
    parser.add_argument("--only-noise", action="store_true", help="nothing but the last table")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    store = arguments.folder / "quality.jsonl"
    clips = read(arguments.speech, speech=True) + read(arguments.music, speech=False)
    clips = clips or made_up()
    if arguments.only_noise:
        first = next(iter(SETTINGS))
        cut = [piece for clip in clips for piece in pieces(at_rate(clip, SETTINGS[first][0]))]
        write_noise(run(cut, first, store, disturb=with_noise))
        return

    by_setting: dict[str, list[Measurement]] = {}
    for setting, (sr, n_fft, hop_length) in SETTINGS.items():
        cut = [piece for clip in clips for piece in pieces(at_rate(clip, sr))]
        stft = {"n_fft": n_fft, "hop_length": hop_length, "window": torch.hann_window(n_fft)}
        by_setting[setting] = run(cut, setting, store)
        by_setting[setting] += compare(cut, LONG, [LONGEST], store, **stft)
    first = next(iter(SETTINGS))
    whole = run([clip for clip in clips if clip.speech] or clips, first, store)
    cut = [piece for clip in clips for piece in pieces(at_rate(clip, SETTINGS[first][0]))]
    noisy = run(cut, first, store, disturb=with_noise)

    write(clips, by_setting, whole, noisy)


if __name__ == "__main__":
    main()
