"""Tables of numbers in text: .csv, .tsv and .txt."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import SpecInvError
from ..sizes import check_bytes
from .table import READERS

#: No number takes less text than one digit and what parts it from the next.
_BYTES_OF_TEXT = 2


@READERS.register(".txt")
@READERS.register(".tsv")
@READERS.register(".csv")
@contextmanager
def read_text(path: Path) -> Generator[NDArray[Any]]:
    """Yield the table in float64 or complex128; names and numbers of rows and columns are left out.

    What pandas writes by default begins with a row of column names, and each row with its own.
    """
    check_bytes(path, path.stat().st_size * np.dtype(complex).itemsize // _BYTES_OF_TEXT)
    with path.open(encoding="utf-8-sig") as file:
        filled = ((i, line.partition("#")[0]) for i, line in enumerate(file))
        head = list(islice((each for each in filled if each[1].strip()), 2))
    if not head or "\0" in head[0][1]:
        raise SpecInvError(f"{path} holds no table of numbers.")
    delimiter = next((each for each in "\t;," if any(each in line for _, line in head)), None)
    cells = [[cell.strip().strip('"') for cell in line.split(delimiter)] for _, line in head]
    dtype = complex if "j" in head[-1][1] else float
    names = not all(_is_number(cell, dtype) for cell in cells[0]) or _counts(cells[0])
    # the corner above the rows' own names is empty
    labels = names and len(cells) > 1 and cells[0][0] == ""
    array = np.loadtxt(
        path,
        dtype=dtype,
        delimiter=delimiter,
        skiprows=head[0][0] + 1 if names else 0,
        usecols=range(1, len(cells[-1])) if labels else None,
        ndmin=2,
        encoding="utf-8-sig",
    )
    yield array


def _counts(cells: list[str]) -> bool:
    """Whether a row is 0, 1, 2, ...: the numbers of columns, which no spectrogram has in it."""
    return len(cells) > 2 and cells == [str(i) for i in range(len(cells))]


def _is_number(cell: str, dtype: type) -> bool:
    try:
        dtype(cell)
    except ValueError:
        return False
    return True
