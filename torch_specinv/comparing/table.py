"""Tables of results, as text that reads well in a terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format rows as a Markdown table with aligned columns.

    Parameters
    ----------
    header : sequence of str
        The columns' names.
    rows : sequence of sequences of str
        The cells. Columns in which every cell starts like a number, also in bold, are aligned
        to the right.

    Returns
    -------
    str
        The table, without a newline at its end.

    Examples
    --------
    >>> print(table(["method", "SC"], [["griffin_lim", "-25.1"], ["spsi", "-9.0"]]))
    | method      |    SC |
    | ----------- | ----: |
    | griffin_lim | -25.1 |
    | spsi        |  -9.0 |
    """
    columns = list(zip(header, *rows, strict=True))
    numeric = [
        all(cell.lstrip("*")[:1] in "+-0123456789" for cell in column[1:]) for column in columns
    ]
    widths = [max(3, *map(len, column)) for column in columns]

    def line(cells: Sequence[str]) -> str:
        aligned = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, numeric, strict=True)
        )
        return f"| {' | '.join(aligned)} |"

    rule = [
        "-" * (width - 1) + (":" if right else "-")
        for width, right in zip(widths, numeric, strict=True)
    ]
    return "\n".join([line(header), f"| {' | '.join(rule)} |", *map(line, rows)])
