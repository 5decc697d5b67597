"""Lists of items: tables with a column of paths, in CSV, JSON lines or Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ...errors import SpecInvError
from ..filing import Files, Found, LocalFiles
from ..item import Item, check_key
from . import tables
from .conventions import conventions_of

if TYPE_CHECKING:
    from .find import Search

#: What the column of paths may be called.
_PATHS = ("path", "file", "filename", "audio_filepath", "file_name")


def is_list(files: Files, found: Found) -> bool:
    """Whether a table has a column of paths, and none of arrays."""
    try:
        if found.path.lower().endswith(".parquet"):
            return tables.is_list(files, found)
        first = next(_rows(files, found), {})
    except (SpecInvError, OSError, ValueError, csv.Error):
        return False
    return any(name in first for name in _PATHS)


def read_list_or_shard(files: Files, found: Found, search: Search) -> Iterator[Item]:
    """Yield the items that a table lists, or those that it holds."""
    if tables.is_list(files, found):
        return read_list(files, found, search)
    return tables.read_shard(files, found, search)


def read_list(files: Files, found: Found, search: Search) -> Iterator[Item]:
    """Yield the items that a table lists."""
    from .find import kind_of

    base = PurePosixPath(found.path).parent
    for number, row in enumerate(_rows(files, found)):
        where = f"{found.path}, row {number + 1}"
        path = next((row[name] for name in _PATHS if row.get(name)), None)
        if not isinstance(path, str):
            raise SpecInvError(
                f"{where} has no path: a list of items needs a column called {_PATHS[0]}."
            )
        whole = path if "://" in path else str(base / path)
        kind = kind_of(path)
        if kind is None:
            raise SpecInvError(f"{where}: {path} is of no kind that is read.")
        name = PurePosixPath(path)
        inner = name.name if name.is_absolute() or ".." in name.parts or "://" in path else path
        key = check_key(row.get("key") or search.key(inner), where)
        # what is not there is told when it is read, as a failure of this item
        there = files.find(whole) if isinstance(files, LocalFiles) else None
        stamp, size = (there.stamp, there.size) if there else ("", 0)
        yield Item(key, whole, kind, "", stamp, size, conventions_of(row))


def _rows(files: Files, found: Found) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table by the names of its columns."""
    suffix = PurePosixPath(found.path).suffix.lower()
    if suffix == ".parquet":
        yield from tables.plain_rows(files, found)
        return
    with files.open(found.path) as binary:
        text = io.TextIOWrapper(binary, encoding="utf-8-sig", errors="surrogateescape", newline="")
        if suffix == ".jsonl":
            for number, line in enumerate(text):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise SpecInvError(
                        f"{found.path}, line {number + 1} is not JSON: {error}"
                    ) from error
                if not isinstance(row, dict):
                    raise SpecInvError(f"{found.path}, line {number + 1} is not a JSON object.")
                yield row
            return
        yield from csv.DictReader(text, delimiter="\t" if suffix == ".tsv" else ",")
