"""Compare methods on audio files: all of them, librosa and torchaudio."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ..comparing.degrade import DEGRADATIONS
from ..errors import SpecInvError, check_count
from ..transform.named_windows import WINDOWS, parse_window
from .flags import add, read_path, switch

HELP = "files in, a table of all methods out"
OPERANDS = ("FILE", "...")


def add_arguments(parser: Any) -> None:
    """Add the flags of this command."""
    parser.add_argument(
        "files", type=read_path, nargs="+", help="audio files; their first channel is used"
    )
    add(parser, "folder", Path, "for the results", Path("specinv_compare"))
    add(parser, "methods", str, "comma-separated, also griffin_lim:spsi; default: all")
    kinds = ", ".join(DEGRADATIONS)
    add(parser, "degrade", str, f"degrade magnitudes first, such as smooth,noisy:0.5: {kinds}")
    add(parser, "seed", int, "of --degrade", 0)
    add(parser, "iterations", str, "whole numbers, comma-separated", "32,100,200")
    add(parser, "seconds", float, "use only so much of each file")
    switch(parser, "speech", "PESQ and ESTOI, where pesq and pystoi are installed")
    add(parser, "n_fft", int, "samples of a frame", 1024)
    add(parser, "hop_length", int, "default: n_fft // 4")
    add(parser, "window", str, ", ".join(WINDOWS), "hann")


def run(settings: Any) -> None:
    """Measure and print the table."""
    from ..comparing import Degradation, compare_files

    try:
        iterations = [check_count("iterations", int(n)) for n in _split(settings.iterations)]
    except ValueError as error:
        raise SpecInvError(
            f"--iterations {settings.iterations}: expected whole numbers such as 32,100,200."
        ) from error
    kinds = _split(settings.degrade) if settings.degrade is not None else []
    text = compare_files(
        settings.files,
        settings.folder,
        methods=None if settings.methods is None else _split(settings.methods),
        degrade=[Degradation.read(kind, settings.seed) for kind in kinds],
        iterations=iterations,
        seconds=settings.seconds,
        speech=settings.speech,
        n_fft=settings.n_fft,
        hop_length=settings.hop_length,
        window=parse_window(settings.window),
    )
    print(f"{text}\n\nTimed with {torch.get_num_threads()} threads of torch.")
    made = "Measurements and tables" if kinds else "Measurements, table and picture"
    print(f"{made} are in {settings.folder.resolve()}")


def _split(text: str) -> list[str]:
    """Return comma-separated names; blanks around them do not matter."""
    return [name.strip() for name in text.split(",")]
