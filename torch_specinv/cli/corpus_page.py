"""A page to listen to a sample of a corpus beside the originals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ..comparing.listening import Clip
from ..corpus.sample import sample
from ..errors import SpecInvError
from ..io import read_audio

PAGE = "report.html"


def write_page(output: str, count: int, *, speech: bool) -> Path | None:
    """Write a page with so many items of a corpus, or return None where there are no originals.

    Raises
    ------
    SpecInvError
        If the output is not on this machine, or Jinja2 or Pillow is not installed.
    """
    from .. import report

    if "://" in output:
        raise SpecInvError(f"--page: {output} is not on this machine.")
    entries: list[Any] = []
    for key, made, original in sample(output, count):
        waves, sr = read_audio(original)
        wave = read_audio(made)[0][0]
        missing = waves.shape[-1] - len(wave)
        wave = torch.nn.functional.pad(wave, (0, missing))
        clip = Clip(key, waves[0], sr, speech)
        entries.append(report.entry_of(clip, {"corpus": (wave, "")}))
    if not entries:
        return None
    page = Path(output, PAGE)
    title = f"{len(entries)} items of {Path(output).name}"
    report.write_texts({page: report.report_page(entries, title=title)}, force=True)
    return page
