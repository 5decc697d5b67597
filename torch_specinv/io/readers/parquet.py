"""Tables in .parquet: columns of numbers, or columns of lists."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import SpecInvError
from ..entries import Group, Refused, Stored
from ..sizes import check_bytes
from .table import READERS, optional

#: Of the widest number of a table.
_ITEM = 8
#: Under which names pandas keeps the names of rows.
_ROW_NAMES = re.compile(r"__index_level_\d+__")


@READERS.register(".parquet")
@contextmanager
def read_parquet(path: Path) -> Generator[Any]:
    """Yield one array, if all columns are numbers, or else the columns by name."""
    with optional(path):
        from pyarrow import parquet
    with parquet.ParquetFile(path) as file:
        schema = file.schema_arrow
        columns = [name for name in schema.names if not _ROW_NAMES.fullmatch(name)]
        if len(set(columns)) < len(columns):
            raise SpecInvError(f"{path} has several columns of the same name.")
        numeric = [name for name in columns if _is_number(schema.field(name).type)]
        if columns and numeric == columns:
            shape = (file.metadata.num_rows, len(columns))
            yield Stored(shape, lambda: _table(path, file, columns))
        else:
            attributes = {
                name.decode("utf-8", "replace"): value
                for name, value in (schema.metadata or {}).items()
            }
            yield Group(columns, lambda name: _column(path, file, name), attributes)


def _table(path: Path, file: Any, columns: list[str]) -> NDArray[Any]:
    expected = _ITEM * file.metadata.num_rows * len(columns)
    check_bytes(path, expected, path.stat().st_size)
    return np.stack([_column(path, file, name).load() for name in columns], axis=1)


def _column(path: Path, file: Any, name: str) -> Any:
    """Return a column, with a dimension more for each level of lists; their lengths must agree."""
    import pyarrow

    depth, kind = 0, file.schema_arrow.field(name).type
    while _is_list(kind):
        depth, kind = depth + 1, kind.value_type
    if not _is_number(kind):
        return Refused(f"a column of {kind}, not of numbers")
    rows = file.metadata.num_rows
    if not depth:
        return Stored((rows,), lambda: _load(path, file, name).to_numpy())
    values = _load(path, file, name).combine_chunks()
    shape: list[int] = [rows]
    for _ in range(depth):
        if values.null_count:
            return Refused("a column with missing values")
        count = len(values)
        if pyarrow.types.is_fixed_size_list(values.type):
            lengths = {values.type.list_size}
        else:
            lengths = set(np.unique(np.diff(values.offsets.to_numpy())).tolist())
        if len(lengths) != 1:
            return Refused(f"a column of {count} lists of different lengths")
        shape.append(lengths.pop())
        values = values.flatten()
    if values.null_count:
        return Refused("a column with missing values")
    array = values.to_numpy(zero_copy_only=False).reshape(shape)
    # one row holds an array, many rows are its first dimension
    return array[0] if depth > 1 and rows == 1 else array


def _load(path: Path, file: Any, name: str) -> Any:
    """Read a column; runs of equal values take hardly any space in a file."""
    values = file.metadata.num_rows
    if _is_list(file.schema_arrow.field(name).type):
        groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
        parts = [group.column(i) for group in groups for i in range(group.num_columns)]
        values = sum(p.num_values for p in parts if p.path_in_schema.split(".")[0] == name)
    check_bytes(path, _ITEM * values, path.stat().st_size)
    column = file.read([name]).column(0)
    if column.null_count:
        raise SpecInvError(f"{path}, {name}, has {column.null_count} missing values.")
    return column


def _is_number(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))


def _is_list(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))
