"""Shards that are tables: Parquet, and the Arrow files of a Hugging Face dataset."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ...errors import SpecInvError
from ..filing import Files, Found
from ..item import Item, check_key
from ..tabular import Table, array_column, holds_arrays, open_table

if TYPE_CHECKING:
    from .find import Search

#: What the column with the names of items may be called.
_KEYS = ("key", "__key__", "id", "utt_id", "path", "file", "name")


def is_list(files: Files, found: Found) -> bool:
    """Whether a table has a column of paths, and none of arrays."""
    with open_table(files, found.path) as table:
        names = table.schema.names
        return "path" in names and array_column(table.schema, None) is None


def is_shard(files: Files, found: Found) -> bool:
    """Whether a table has a column of arrays."""
    with open_table(files, found.path) as table:
        return _has_arrays(table)


def plain_rows(files: Files, found: Found) -> Iterator[dict[str, Any]]:
    """Yield the rows of a small table."""
    with open_table(files, found.path) as table:
        for part in range(table.parts):
            yield from table.read(part).to_pylist()


def read_shard(
    files: Files, found: Found, search: Search, name: str | None = None
) -> Iterator[Item]:
    """Yield an item for each row; the arrays are not read."""
    base = search.key(name or PurePosixPath(found.path).name)
    with open_table(files, found.path) as table:
        if not _has_arrays(table):
            names = ", ".join(table.schema.names)
            raise SpecInvError(f"{found.path} has no column of arrays or of paths: {names}.")
        yield from _items(table, found, base)


def _has_arrays(table: Table) -> bool:
    """Whether there is a column of arrays, or several of which the settings say which is meant."""
    return any(holds_arrays(table.schema, name) for name in table.schema.names)


def _items(table: Table, found: Found, base: str) -> Iterator[Item]:
    named = next((column for column in _KEYS if column in table.schema.names), None)
    if named is not None and not table.is_plain(named):
        named = None
    first = 0
    for part in range(table.parts):
        count = table.rows(part)
        keys = table.read(part, [named]).column(0).to_pylist() if named else [None] * count
        size = table.bytes_of(part) // max(count, 1)
        for row, key in enumerate(keys):
            told = f"row {first + row}"
            own = f"{first + row:08d}" if key in (None, "") else _stem(key)
            yield Item(
                check_key(f"{base}/{own}", f"{found.path}, {told}"),
                found.path, "row", f"{part} {row}", found.stamp, size,
            )  # fmt: skip
        first += count


def _stem(key: Any) -> str:
    """Return the name of an item; keys that are paths lose folders above and their suffixes."""
    from .find import kind_of

    text = str(key).lstrip("/")
    return str(PurePosixPath(text).with_suffix("")) if kind_of(text) else text
