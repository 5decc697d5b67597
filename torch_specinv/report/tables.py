"""The numbers of a report: means over clips, also as CSV and LaTeX."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..comparing.summary import info
from .gather import REFERENCE, Entry

_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
}
# Shown where there is no value
_NONE = "-"


@dataclass(frozen=True)
class Column:
    """A metric: its name, how it is headed, and how its values are written."""

    key: str
    label: str
    higher_is_better: bool | None
    decimals: int

    def text(self, value: float | None) -> str | None:
        """Return a value as it is shown, or None where there is none."""
        if value is None or not math.isfinite(value):
            return None if value is None else str(value)
        return f"{value:.{self.decimals}f}"


class Cell(NamedTuple):
    """A mean, for sorting and as it is shown."""

    value: str
    text: str


class Row(NamedTuple):
    """A method and its means."""

    method: str
    cells: tuple[Cell, ...]


def columns_of(entries: Sequence[Entry]) -> list[Column]:
    """Return the metrics of which some clip has a value."""
    names = dict.fromkeys(
        name
        for entry in entries
        for sound in entry.sounds
        for name, value in sound.values.items()
        if value is not None
    )
    columns: list[Column] = []
    for name in names:
        how = info(name)
        label = f"{name} in {how.unit}" if how.unit else name
        columns.append(Column(name, label, how.higher_is_better, how.decimals))
    return columns


def means(entries: Sequence[Entry], columns: Sequence[Column]) -> list[Row]:
    """Return the mean of each metric over the clips of each method.

    A method that misses some clips says over how many its means are.
    """
    rows: list[Row] = []
    for method in methods_of(entries):
        found = [s.values for entry in entries for s in entry.sounds if s.method == method]
        label = method if len(found) == len(entries) else f"{method} ({len(found)} clips)"
        rows.append(Row(label, tuple(_mean(found, column) for column in columns)))
    return rows


def methods_of(entries: Sequence[Entry]) -> list[str]:
    """Return the methods of all clips without the reference, in order."""
    names = dict.fromkeys(sound.method for entry in entries for sound in entry.sounds)
    return [name for name in names if name != REFERENCE]


def csv_table(entries: Sequence[Entry]) -> str:
    """Return every value as CSV: clip, method, metrics."""
    columns = columns_of(entries)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["clip", "method", "seconds", *(column.key for column in columns)])
    for entry in entries:
        for sound in entry.sounds:
            if sound.method == REFERENCE:
                continue
            seconds = "" if sound.seconds is None else f"{sound.seconds:.4f}"
            values = [sound.values.get(column.key) for column in columns]
            shown = ["" if value is None else f"{value:.6g}" for value in values]
            writer.writerow([entry.name, sound.method, seconds, *shown])
    return file.getvalue()


def latex_table(entries: Sequence[Entry]) -> str:
    """Return the means as a LaTeX table of booktabs, the best of each column in bold."""
    columns = columns_of(entries)
    rows = means(entries, columns)
    best = [_best([row.cells[i].value for row in rows], column) for i, column in enumerate(columns)]
    lines = [
        r"\begin{tabular}{l" + "r" * len(columns) + "}",
        r"\toprule",
        " & ".join(["method", *(_escape(column.label) for column in columns)]) + r" \\",
        r"\midrule",
    ]
    for row in rows:
        cells = [
            rf"\textbf{{{cell.text}}}" if cell.value and cell.value == top else cell.text
            for cell, top in zip(row.cells, best, strict=True)
        ]
        lines.append(" & ".join([_escape(row.method), *cells]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _mean(found: Sequence[Mapping[str, float | None]], column: Column) -> Cell:
    values = [value for one in found if (value := one.get(column.key)) is not None]
    if not values:
        return Cell("", _NONE)
    mean = sum(values) / len(values)
    return Cell(f"{mean:.6g}" if math.isfinite(mean) else "", column.text(mean) or _NONE)


def _best(values: Sequence[str], column: Column) -> str:
    known = [value for value in values if value]
    if not known or column.higher_is_better is None:
        return ""
    return max(known, key=float) if column.higher_is_better else min(known, key=float)


def _escape(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)
