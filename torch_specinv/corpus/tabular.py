"""Tables with an array in each row: Parquet, and Arrow as Hugging Face datasets are saved."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import PurePosixPath
from typing import Any

from ..errors import SpecInvError, near_miss
from .filing import Files

#: What columns of arrays are called, the likeliest first.
_LIKELY = ("spec", "spectrogram", "mel", "magnitude", "mag", "array", "data", "audio", "image")


class Table(ABC):
    """A table that is read a part at a time."""

    schema: Any
    parts: int

    @abstractmethod
    def rows(self, part: int) -> int:
        """Return how many rows a part has."""

    @abstractmethod
    def bytes_of(self, part: int) -> int:
        """Return about how large a part is."""

    @abstractmethod
    def read(self, part: int, columns: list[str] | None = None) -> Any:
        """Return a part, or some of its columns, as a table of pyarrow."""

    def is_plain(self, column: str) -> bool:
        """Whether a column holds texts or whole numbers."""
        from pyarrow import types

        kind = self.schema.field(column).type
        return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_integer(kind))


class _Parquet(Table):
    def __init__(self, file: Any) -> None:
        self._file, self.schema = file, file.schema_arrow
        self.parts = file.metadata.num_row_groups

    def rows(self, part: int) -> int:
        return self._file.metadata.row_group(part).num_rows

    def bytes_of(self, part: int) -> int:
        return self._file.metadata.row_group(part).total_byte_size

    def read(self, part: int, columns: list[str] | None = None) -> Any:
        return self._file.read_row_group(part, columns)


class _Arrow(Table):
    """Record batches, in the form of a file or, as Hugging Face saves them, of a stream."""

    def __init__(self, source: Any) -> None:
        import pyarrow

        try:
            reader = pyarrow.ipc.open_file(source)
            self._batches = [reader.get_batch(i) for i in range(reader.num_record_batches)]
        except pyarrow.ArrowInvalid:
            source.seek(0)
            reader = pyarrow.ipc.open_stream(source)
            self._batches = list(reader)
        self.schema, self.parts = reader.schema, len(self._batches)

    def rows(self, part: int) -> int:
        return self._batches[part].num_rows

    def bytes_of(self, part: int) -> int:
        return self._batches[part].nbytes

    def read(self, part: int, columns: list[str] | None = None) -> Any:
        import pyarrow

        table = pyarrow.Table.from_batches([self._batches[part]])
        return table if columns is None else table.select(columns)


@contextmanager
def open_table(files: Files, path: str) -> Generator[Table]:
    """Yield a table; Arrow files of this machine are mapped into memory and not read."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise SpecInvError(
            f"{path} needs a package to be read ({error}): "
            "python -m pip install 'torch_specinv[files]'"
        ) from error
    with ExitStack() as stack:
        try:
            if PurePosixPath(path).suffix.lower() == ".parquet":
                file = stack.enter_context(files.native(path))
                table: Table = _Parquet(stack.enter_context(parquet.ParquetFile(file)))
            else:
                local = stack.enter_context(files.local(path))
                table = _Arrow(stack.enter_context(pyarrow.memory_map(str(local))))
        except (OSError, ValueError) as error:  # pyarrow's own are such
            raise SpecInvError(f"{path} cannot be read as a table: {error}") from error
        yield table


def array_column(schema: Any, wanted: str | None) -> str | None:
    """Return the column that holds arrays, or None where it can't be told which.

    It holds lists of lists of numbers, the bytes of files, or structs with those.
    """
    if wanted is not None:
        if wanted not in schema.names:
            raise SpecInvError(
                f"there is no column {wanted!r}.{near_miss(wanted, schema.names)} "
                f"Columns: {', '.join(schema.names)}."
            )
        return wanted
    fitting = [name for name in schema.names if holds_arrays(schema, name)]
    if len(fitting) == 1:
        return fitting[0]
    return next((name for name in _LIKELY if name in fitting), None)


def holds_arrays(schema: Any, name: str) -> bool:
    """Whether a column holds lists of lists, bytes of files, or structs with those."""
    from pyarrow import types

    kind = schema.field(name).type
    kind = getattr(kind, "storage_type", kind)
    if types.is_struct(kind):
        return any(kind.field(i).name == "bytes" for i in range(kind.num_fields))
    if types.is_binary(kind) or types.is_large_binary(kind):
        return True
    depth = 0
    while is_list(kind):
        depth, kind = depth + 1, kind.value_type
    shaped = depth == 1 and "shape" in schema.names
    return (depth >= 2 or shaped) and bool(types.is_integer(kind) or types.is_floating(kind))


def is_list(kind: Any) -> bool:
    """Whether a type of pyarrow is one of lists."""
    from pyarrow import types

    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))
