"""Say what an array is, from its numbers alone: axes, mel or linear, its values, which preset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..doctor import diagnose
from ..errors import SpecInvError
from ..io import SPECTROGRAM_SUFFIXES, holds_spectrogram, read_spectrogram
from .flags import add, show

HELP = "one array in, what it probably is out"
OPERANDS = ("FILE",)


def add_arguments(parser: Any) -> None:
    """Add the flags of this command."""
    parser.add_argument("file", type=Path, help=", ".join(SPECTROGRAM_SUFFIXES))
    add(parser, "key", str, "which array of a file that holds several, such as a/b/0")
    add(parser, "sr", int, "sample rate, where it is known", metavar="HZ")


def run(settings: Any) -> None:
    """Diagnose a file."""
    if not holds_spectrogram(settings.file):
        raise SpecInvError(
            f"{settings.file}: the doctor looks at arrays, {', '.join(SPECTROGRAM_SUFFIXES)}; "
            "audio needs none."
        )
    found = diagnose(read_spectrogram(settings.file, settings.key), settings.sr)
    show(str(found))
    if found.call:
        key = f", {settings.key!r}" if settings.key else ""
        show(f"\nwith spec = torch_specinv.io.read_spectrogram({str(settings.file)!r}{key})")
