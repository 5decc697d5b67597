"""The page: everything in one HTML file, which asks nothing of a network."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..comparing.peers import versions
from ..errors import SpecInvError, check_choice
from .gather import Entry, Sound
from .sounds import FORMATS, RANGE_DB, as_text, encoded, gains, loudest, picture
from .tables import Column, columns_of, means

_TEMPLATE = Path(__file__).parent / "template"
#: A report has a table, pictures and blind tests; a demo page of a paper has sounds and pictures.
STYLES = ("report", "demo")


def report_page(
    entries: Sequence[Entry],
    *,
    title: str = "Listening report",
    audio: str = "flac",
    style: str = "report",
    about: str = "",
    notes: Iterable[str] = (),
) -> str:
    """Return a page as HTML.

    Sounds of a clip are played at the same level, the root of the mean square of the original; the
    page says by how much each was amplified.

    Parameters
    ----------
    entries : sequence of Entry
        The clips, from :func:`gather`.
    title, about : str
        The heading, and a sentence below it.
    audio : str, default "flac"
        "flac", "wav" (both of 16 bits) or "ogg" (Vorbis, smaller, and lossy).
    style : str, default "report"
        "report", or "demo" for a page beside a paper: sounds and pictures alone.
    notes : iterable of str
        Sentences below the table, e.g. which scores are missing.

    Raises
    ------
    SpecInvError
        If there are no clips, or Jinja2 or Pillow is not installed.
    """
    check_choice("style", style, STYLES)
    if not entries:
        raise SpecInvError("entries is empty: a report needs a clip.")
    columns, files = columns_of(entries), list[bytes]()
    data = {
        "range": RANGE_DB,
        "columns": [{"key": column.key, "label": column.label} for column in columns],
        "clips": [_clip(entry, columns, audio, files) for entry in entries],
    }
    template = _environment().get_template("report.html")
    return template.render(
        title=title,
        style=style,
        about=about or f"{len(entries)} clips. Made on {date.today().isoformat()}.",
        columns=columns,
        means=means(entries, columns),
        notes=list(notes),
        rated=any(entry.anchor is not None for entry in entries),
        clips=[{"name": entry.name} for entry in entries],
        versions=", ".join(f"{name} {version}" for name, version in versions().items()),
        css=_markup((_TEMPLATE / "report.css").read_text(encoding="utf-8")),
        script=_markup((_TEMPLATE / "report.js").read_text(encoding="utf-8")),
        files=[_markup(as_text(file)) for file in files],
        # nothing in it can end the script element
        data=_markup(json.dumps(data).replace("<", "\\u003c")),
    )


def check_page(audio: str, style: str = "report") -> None:
    """Raise for what :func:`report_page` would refuse, before any work is done."""
    check_choice("audio", audio, FORMATS)
    check_choice("style", style, STYLES)
    _environment()


def _clip(
    entry: Entry, columns: Sequence[Column], audio: str, files: list[bytes]
) -> Mapping[str, Any]:
    """Return what the script is told of a clip; its sounds and pictures are added to the files."""
    factors, most = gains(entry), loudest(entry)

    def number(content: bytes) -> int:
        files.append(content)
        return len(files) - 1

    def heard(wave: Tensor) -> int:
        return number(encoded(wave, entry.sr, audio))

    return {
        "name": entry.name,
        "seconds": len(entry.sounds[0].wave) / entry.sr,
        "anchor": None if entry.anchor is None else heard(factors[0] * entry.anchor),
        "sounds": [
            {
                "method": sound.method,
                "audio": heard(factor * sound.wave),
                "picture": number(picture(sound.wave, entry, most)),
                "gain_db": round(_decibels(factor), 2),
                "values": _told(sound, columns),
                "curve": [[step, round(y, 2)] for step, y in sound.curve if math.isfinite(y)],
                "note": _note(sound),
            }
            for sound, factor in zip(entry.sounds, factors, strict=True)
        ],
    }


def _told(sound: Sound, columns: Sequence[Column]) -> dict[str, str | None]:
    return {
        column.key: column.text(sound.values[column.key])
        for column in columns
        if column.key in sound.values
    }


def _note(sound: Sound) -> str:
    took = "" if sound.seconds is None else f"made in {sound.seconds:.2f} s"
    return ", ".join(filter(None, (took, sound.note)))


def _decibels(factor: float) -> float:
    return float(20 * torch.tensor(max(factor, 1e-12), dtype=torch.float64).log10())


def _markup(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)


def _environment() -> Any:
    try:
        from jinja2 import Environment, FileSystemLoader
    except ImportError as error:
        raise SpecInvError(
            "A report needs Jinja2: python -m pip install 'torch_specinv[report]'"
        ) from error
    return Environment(loader=FileSystemLoader(_TEMPLATE), autoescape=True)
