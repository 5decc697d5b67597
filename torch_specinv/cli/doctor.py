"""Say what an array is, from its numbers alone: axes, mel or linear, its values, which preset."""

from __future__ import annotations

import shlex
from typing import Any

from ..doctor import diagnose
from ..errors import SpecInvError
from ..io import SPECTROGRAM_SUFFIXES, holds_audio, read_spectrogram_file
from .flags import add, read_path

HELP = "one array in, what it probably is out"
OPERANDS = ("FILE",)


def add_arguments(parser: Any) -> None:
    """Add the flags of this command."""
    parser.add_argument("file", type=read_path, help=", ".join(SPECTROGRAM_SUFFIXES))
    add(parser, "key", str, "which array of a file that holds several, such as a/b/0")
    add(parser, "sr", int, "sample rate, where it is known", metavar="HZ")


def run(settings: Any) -> None:
    """Diagnose a file."""
    if holds_audio(settings.file):
        raise SpecInvError(
            f"{settings.file}: the doctor looks at arrays, {', '.join(SPECTROGRAM_SUFFIXES)}; "
            "audio needs none."
        )
    file = read_spectrogram_file(settings.file, settings.key)
    found = diagnose(file.array, settings.sr or file.sr)
    name = str(settings.file)
    given = ["./" + name if name.startswith("-") else name]
    given += ["--key", settings.key] if settings.key else []
    print(str(found).replace(" FILE ", f" {shlex.join(given)} "))
    if found.call:
        key = f", {settings.key!r}" if settings.key else ""
        print(f"\nwith spec = torch_specinv.io.read_spectrogram({str(settings.file)!r}{key})")
