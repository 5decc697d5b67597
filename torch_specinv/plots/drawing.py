"""Figures of matplotlib, which is imported when something is drawn."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

from ..errors import SpecInvError
from ..io import atomic


def new_figure(width: float, height: float) -> Any:
    """Return an empty figure of so many inches, which notebooks show and no window does.

    Raises
    ------
    SpecInvError
        If matplotlib is not installed.
    """
    with _needed():
        from matplotlib.figure import Figure
    figure: Any = Figure(figsize=(width, height), layout="constrained")
    # notebooks show figures of pyplot alone, and those that say how
    figure._repr_png_ = partial(png, figure)
    return figure


def current_axes() -> Any:
    """Return the axes that pyplot draws on, for notebooks and windows.

    Raises
    ------
    SpecInvError
        If matplotlib is not installed.
    """
    with _needed():
        from matplotlib import pyplot
    return pyplot.gca()


@contextmanager
def _needed() -> Generator[None]:
    """Say what to install where matplotlib is missing."""
    try:
        yield
    except ImportError as error:
        raise SpecInvError(
            "Pictures need matplotlib: python -m pip install 'torch_specinv[cli]'"
        ) from error


def save(figure: Any, path: Path, *, force: bool) -> None:
    """Write a figure, all of it or nothing."""
    with atomic(path, force=force) as temporary:
        figure.savefig(temporary, dpi=110, format="png")


def png(figure: Any) -> bytes:
    """Return a figure as the bytes of a PNG file."""
    file = BytesIO()
    figure.savefig(file, format="png", dpi=90)
    return file.getvalue()
