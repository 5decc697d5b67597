"""The rows of the manifest: one an item, with all that is known of it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from ..version import __version__

#: The columns that every manifest has, with the names of their types in pyarrow. Metrics follow.
COLUMNS: Mapping[str, str] = {
    "key": "string", "status": "string", "error": "string", "fault": "string",
    "note": "string",
    "output": "string", "member": "string", "sr": "int32", "samples": "int64",
    "channels": "int32", "kind": "string", "peak": "double", "seconds": "double",
    "input": "string", "inside": "string", "stamp": "string",
    "input_digest": "string", "seed": "int64", "settings": "string", "output_bytes": "int64",
    "output_digest": "string", "version": "string",
}  # fmt: skip
#: What the manifest is: read by a later version of this package.
FORMAT = 1
DONE, FAILED = "done", "failed"
#: What an item failed for: what it holds, or the machine, which may be better the next time.
OF_INPUT, OF_MACHINE = "input", "machine"
#: The number of the run that wrote a row. It stands in journals only: of several rows of one item
#: the one of the latest run is right.
RUN = "run"

Row = dict[str, Any]


def write_row(row: Row) -> str:
    """Return a row as a line of JSON; what is not finite is left out."""
    plain = {
        name: value
        for name, value in row.items()
        if value is not None and not (isinstance(value, float) and not math.isfinite(value))
    }
    return json.dumps(plain)


def read_row(line: bytes) -> Row | None:
    """Return a row, or None of a line that was cut off or is none."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and "key" in row and "status" in row else None


def base_row(settings: str) -> Row:
    """Return what all rows of a run have in common."""
    return {"settings": settings, "version": __version__}


def measured_names(row: Row) -> list[str]:
    """Return the names of the metrics in a row."""
    return [name for name in row if name not in COLUMNS and name != RUN]


def alike(error: str) -> str:
    """Return an error without what differs from item to item: names and numbers."""
    text = re.sub(r"\S*/\S*", "", error)
    return re.sub(r"[-+]?\d[\d.e+-]*", "#", text)[:200]
