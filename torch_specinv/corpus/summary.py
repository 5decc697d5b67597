"""What all items of a corpus come to, in a table."""

from __future__ import annotations

import statistics
from collections import Counter
from pathlib import Path
from typing import Any

from ..comparing.table import table
from .filing import locate
from .manifest import manifest_rows, read_about
from .rows import DONE, alike, measured_names

#: What is no measurement, though it is a number.
_COUNTS = ("iterations",)
_ERRORS = 5


def summarise_corpus(output: str | Path, *, output_filesystem: Any = None) -> str:
    """Return the metrics of all items as a table, and which errors there were how often.

    Parameters
    ----------
    output : str or Path
        The output of :func:`invert_corpus`.
    output_filesystem : optional
        A file system of pyarrow or fsspec, to which `output` belongs.

    Returns
    -------
    str
        Mean, median and the extremes of each metric. Those against originals have names that begin
        with ``ref_``.

    Raises
    ------
    SpecInvError
        If it is not the output of a corpus, or of another version of this package.
    """
    files, folder = locate(output, output_filesystem, "output")
    read_about(files, folder)
    values: dict[str, list[float]] = {}
    errors: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for row in manifest_rows(files, folder):
        if row["status"] != DONE:
            told = alike(row.get("error", ""))
            errors[told] += 1
            examples.setdefault(told, f"{row['key']}: {row.get('error', '')}")
            continue
        for name in measured_names(row):
            if name not in _COUNTS:
                values.setdefault(name, []).append(row[name])
    rows = [
        [name, f"{len(some)}", *(f"{x:.2f}" for x in (
            statistics.fmean(some), statistics.median(some), min(some), max(some)
        ))]
        for name, some in sorted(values.items())
    ]  # fmt: skip
    header = ["metric", "items", "mean", "median", "least", "greatest"]
    lines = [table(header, rows)] if rows else []
    lines += [
        f"{count} failed, such as {examples[told]}" for told, count in errors.most_common(_ERRORS)
    ]
    return "\n".join(lines)
