"""How methods do on inconsistent magnitudes, against the original sound.

python benchmarks/inexact.py [--speech FILE...] [--music FILE...] [--folder specinv_compare]

Magnitudes are made wrong in the ways of torch_specinv.comparing.degrade, and mel spectrograms in
others; without files on the package's own clips. One thread. PESQ, ESTOI and ViSQOL need the
packages pesq, pystoi and visqol-python; what is missing is said. A run that was killed goes on
where it was. The tables go into docs/_measured_inexact.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from inexact_mel import measure_mels
from quality import at_rate, read

from torch_specinv import STFT, invert
from torch_specinv.comparing import (
    Clip,
    Degradation,
    Measurement,
    compare,
    left_out,
    register_degradation,
)
from torch_specinv.comparing.degrade import Given, Recording
from torch_specinv.comparing.inexact_tables import clip_table, kind_table, matrix, sooner
from torch_specinv.comparing.peers import versions
from torch_specinv.comparing.setting import processor
from torch_specinv.comparing.signals import CLIPS
from torch_specinv.comparing.table import table
from torch_specinv.inexact.kinds import Kind
from torch_specinv.phase import PHASES

OUTPUT = Path(__file__).parents[1] / "docs" / "_measured_inexact.md"
KINDS = ("exact", "smooth", "noisy", "masked", "mel", "lowrank", "additive")
RUNS = {
    "librosa": (200,),
    "griffin_lim:spsi": (32, 200),
    "griffin_lim:pghi": (1, 4, 32, 200),
    "griffin_lim:locked": (1, 4, 32),
    "raar": (8, 32, 200),
    "admm": (32, 200),
    "pghi": (0,),
    "auto": (1, 4, 32, 100),
}
# a start that was trained is told apart
if "learned" in PHASES:
    RUNS |= {"griffin_lim:learned": (1,), "auto:learned": (32, 100)}
SHORT_RUNS = {"librosa": (200,), "auto": (100,)}
MUSIC_RUNS = {**SHORT_RUNS, "griffin_lim:spsi": (200,), "raar": (32,), "pghi": (0,)}
OURS = ("auto", 100)
SR, SECONDS = 16000, 5.0
STRENGTHS = (0.5, 2.0)
# other draws of noise than those that the constants were chosen on
SEED = 1000


@register_degradation("additive")
def additive(recording: Recording, strength: float, generator: torch.Generator) -> Given:
    """Add noise of the same level everywhere, 15 dB below the magnitude; times the strength."""
    magnitude = recording.magnitude
    noise = torch.randn(magnitude.shape, generator=generator)
    level = strength * magnitude.square().mean().sqrt() * 10 ** (-15 / 20)
    return Given((magnitude + level * noise).abs())


def made_up() -> list[Clip]:
    """Return the package's own clips."""
    return [
        Clip(f"made-up {name} {seed}", make(SR, 3.0, seed), SR, name == "speech")
        for name, make in CLIPS.items()
        for seed in range(3)
    ]


def settings_for(sr: int) -> dict[str, object]:
    """Return an STFT of about 50 ms."""
    n_fft = 1024 if sr < 32000 else 2048
    return {"n_fft": n_fft, "hop_length": n_fft // 4, "window": torch.hann_window(n_fft)}


def run(
    clips: Sequence[Clip], kinds: Sequence[str], runs: dict[str, tuple[int, ...]], store: Path
) -> list[Measurement]:
    """Measure methods on clips that are degraded; each clip has another seed."""
    measured: list[Measurement] = []
    for kind in kinds:
        for number, clip in enumerate(clips):
            degrade = Degradation.read(kind, SEED + number)
            stft = settings_for(clip.sr)
            measured += compare([clip], list(runs), runs, store, degrade=degrade, **stft)
        print(f"{kind}: {len(measured)} measurements", flush=True)
    return measured


def found_kinds(speech: Sequence[Clip], music: Sequence[Clip]) -> str:
    """Return a table of how many clips auto takes for what."""
    stronger = [f"{kind}:{strength:g}" for strength in STRENGTHS for kind in KINDS[1:]]
    rows: list[list[str]] = []
    for name, clips, kinds in (("speech", speech, [*KINDS, *stronger]), ("other", music, KINDS)):
        for kind in kinds if clips else ():
            found = []
            for number, clip in enumerate(clips):
                settings = settings_for(clip.sr)
                stft = STFT.of_wave(clip.wave, **settings)
                recording = Recording(clip.wave, clip.sr, stft)
                given = Degradation.read(kind, SEED + number)(recording).magnitude
                length = len(clip.wave)
                result = invert(given, max_iter=1, length=length, verbose=False, **settings)
                found += result.kinds
            counts = [found.count(str(taken)) for taken in Kind]
            rows.append([name, kind, *(str(count) if count else "-" for count in counts)])
    return table(["sound", "kind", *(f"taken for {taken}" for taken in Kind)], rows)


def kind_tables(measured: Sequence[Measurement]) -> str:
    """Return the table of each kind below its name."""
    return "\n\n".join(
        f"*{kind}*\n\n{kind_table([m for m in measured if m.kind == kind])}"
        for kind in dict.fromkeys(m.kind for m in measured)
    )


def matrices(measured: Sequence[Measurement], scores: Sequence[str]) -> str:
    """Return a table for each score that was measured."""
    there = [s for s in scores if any(m.values.get(s) is not None for m in measured)]
    return "\n\n".join(matrix(measured, score) for score in there)


def write(
    speech: Sequence[Clip],
    music: Sequence[Clip],
    spoken: list[Measurement],
    strengths: list[Measurement],
    played: list[Measurement],
    mels: list[Measurement],
) -> None:
    """Write the tables."""
    clips = [*speech, *music]
    lengths = ", ".join(f"{clip.name} ({len(clip.wave) / clip.sr:.1f} s)" for clip in clips)
    used = ", ".join(f"{name} {version}" for name, version in versions().items())
    missing = [text for text in left_out(clips) if "--speech" not in text]
    wrong = [m for m in spoken if m.kind != "exact"]
    sections = {
        "scores": matrices(spoken, ("pesq", "estoi")),
        "sooner": sooner(wrong, ("pesq", "estoi")),
        "auto sooner": sooner(wrong, ("pesq", "estoi"), ["auto"]),
        "kinds": kind_tables(spoken),
        "clips": clip_table(spoken, OURS, ("pesq", "estoi")),
        "found": found_kinds(speech, music),
        "strengths": matrices(strengths, ("pesq", "estoi")),
        "music": matrices(played, ("sc_truth", "lsd_truth", "visqol")),
        "music clips": clip_table(played, OURS, ("sc_truth", "visqol")),
        "mels": matrices(mels, ("pesq", "estoi", "sc_truth")),
        "mel times": sooner([m for m in mels if m.kind != "exact"], ("pesq", "estoi")),
        "mel clips": clip_table(mels, OURS, ("pesq", "estoi")),
        "setting": " ".join(
            [f"Clips: {lengths}. Seeds from {SEED} on.", *missing, f"Versions: {used}."]
        )
        + f" {processor()}, one thread.",
    }
    text = "\n\n".join(f"<!-- {name} -->\n\n{body}" for name, body in sections.items())
    OUTPUT.write_text(f"{text}\n\n<!-- end -->\n", encoding="utf-8")
    print(text)


def main() -> None:
    """Measure, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", type=Path, nargs="*", default=[])
    parser.add_argument("--music", type=Path, nargs="*", default=[], help="all that is not speech")
    parser.add_argument("--folder", type=Path, default=Path("specinv_compare"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    store = arguments.folder / "inexact.jsonl"
    clips = read(arguments.speech, speech=True) + read(arguments.music, speech=False)
    clips = clips or made_up()
    clips = [clip._replace(wave=clip.wave[: int(SECONDS * clip.sr)]) for clip in clips]
    speech = [at_rate(clip, SR) for clip in clips if clip.speech]
    music = [clip for clip in clips if not clip.speech]

    spoken = run(speech, KINDS, RUNS, store)
    stronger = [f"{kind}:{strength:g}" for kind in KINDS[1:] for strength in STRENGTHS]
    strengths = run(speech, stronger, SHORT_RUNS, store)
    played = run(music, KINDS, MUSIC_RUNS, store)
    mels = measure_mels(speech, SEED)
    write(speech, music, spoken, strengths, played, mels)


if __name__ == "__main__":
    main()
