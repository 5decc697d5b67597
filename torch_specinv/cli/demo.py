"""Invert two synthetic clips by every method and compare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .flags import add, switch

HELP = "two clips, every method, a table and a picture"
OPERANDS: tuple[str, ...] = ()


def add_arguments(parser: Any) -> None:
    """Add the flags of this command."""
    add(parser, "folder", Path, "where to write; default: a new folder")
    add(parser, "max_iter", int, "iterations of each method", 100)
    add(parser, "sr", int, "sample rate", 22050, metavar="HZ")
    switch(parser, "force", "write into a folder that exists")


def run(settings: Any) -> None:
    """Make the folder."""
    from ..comparing.demo import run_demo

    folder = run_demo(
        settings.folder, max_iter=settings.max_iter, sr=settings.sr, force=settings.force
    )
    print(f"\nListen to the wav files and look at comparison.png in {folder.resolve()}")
