"""Some items of a corpus whose originals are known, to listen to."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from pathlib import Path

from ..io import AUDIO_SUFFIXES, holds_audio
from .filing import locate
from .item import key_number
from .manifest import manifest_rows, read_about
from .output import read_settings
from .rows import DONE, Row

#: Beyond that, clips are too much for a page.
_LONGEST = 60.0


def sample(output: str, count: int) -> Iterator[tuple[str, Path, Path]]:
    """Yield key, waveform and original of items that are chosen by their keys, always the same.

    The original is the file of that key in the folder of originals, or the audio that was inverted.
    """
    files, folder = locate(output, name="output")
    read_about(files, folder)
    settings = read_settings(files, folder) or {}
    references = settings.get("references")
    fitting = (row for row in manifest_rows(files, folder) if _fits(row, references))
    for row in heapq.nsmallest(count, fitting, key=lambda row: key_number(row["key"])):
        original = _original(row, references)
        if original is not None:
            yield row["key"], Path(folder, row["output"]), original


def _fits(row: Row, references: str | None) -> bool:
    short = row["status"] == DONE and row["samples"] <= _LONGEST * row["sr"]
    return short and "member" not in row and _original(row, references) is not None


def _original(row: Row, references: str | None) -> Path | None:
    """Return the file of the original, where there is one on this machine."""
    if references is not None:
        places = (Path(references, f"{row['key']}{suffix}") for suffix in AUDIO_SUFFIXES)
        return next((place for place in places if place.is_file()), None)
    path = Path(row["input"])
    return path if holds_audio(path) and not row.get("inside") and path.is_file() else None
