"""The manifest: a Parquet file with one row an item, made of the journals."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from ..errors import SpecInvError
from ..io.outputs import atomic, explained
from ..version import __version__
from .filing import Files
from .finished import Latest
from .journal import alone
from .rows import COLUMNS, FORMAT, Row
from .sinks import text_of

MANIFEST = "manifest.parquet"
# Of a group in the file, and of what becomes a table at a time: as objects of Python they are large
_ROWS, _PART = 4000, 1000
_KEY = b"torch_specinv_corpus"


def check_pyarrow() -> None:
    """Raise, before any work, where the manifest could not be written."""
    try:
        importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise SpecInvError(
            f"a corpus needs pyarrow for its manifest ({error}): "
            "python -m pip install 'torch_specinv[files]'"
        ) from error


def write_manifest(files: Files, folder: str, settings: Mapping[str, Any]) -> int:
    """Write the manifest anew, and return how many rows it has.

    Twice through the journals, so that no more than a few thousand rows are in memory. Of two runs
    that end at once the later one writes what both have done.
    """
    with alone(files, folder):
        latest = Latest(files, folder)
        write = partial(_write, latest=latest, settings=settings)
        files.deliver(f"{folder}/{MANIFEST}", write)
    return latest.count


def _write(target: Path, latest: Latest, settings: Mapping[str, Any]) -> None:
    import pyarrow
    from pyarrow import parquet

    kinds = {**COLUMNS, **dict.fromkeys(latest.names, "double")}
    fields = [(name, pyarrow.type_for_alias(kind)) for name, kind in kinds.items()]
    about = {"format": FORMAT, "version": __version__, "settings": dict(settings)}
    schema = pyarrow.schema(fields, {_KEY: json.dumps(about).encode()})
    rows = iter(latest)
    with (
        atomic(target, force=True) as temporary,
        explained(target),
        parquet.ParquetWriter(temporary, schema) as writer,
    ):
        tables: list[Any] = []
        while part := list(islice(rows, _PART)):
            tables.append(pyarrow.Table.from_pylist([_plain(row) for row in part], schema))
            if len(tables) == _ROWS // _PART:
                writer.write_table(pyarrow.concat_tables(tables), _ROWS)
                tables = []
        if tables:
            writer.write_table(pyarrow.concat_tables(tables), _ROWS)


def _plain(row: Row) -> Row:
    return {
        name: text_of(value) if isinstance(value, str) else value for name, value in row.items()
    }


def read_about(files: Files, folder: str) -> dict[str, Any]:
    """Return what a manifest says of itself.

    Raises
    ------
    SpecInvError
        If there is none, or it was written by a later version of this package.
    """
    from pyarrow import ArrowInvalid, parquet

    path = f"{folder}/{MANIFEST}"
    if files.find(path) is None:
        raise SpecInvError(f"{path} does not exist: is {folder} the output of a corpus?")
    try:
        with files.native(path) as file:
            schema = parquet.read_schema(file)
        about = json.loads((schema.metadata or {})[_KEY])
    except (ArrowInvalid, OSError, KeyError, ValueError) as error:
        raise SpecInvError(f"{path} is not the manifest of a corpus: {error}") from error
    check_format(about, path)
    return about


def check_format(about: Mapping[str, Any], path: str) -> None:
    """Raise for what another version wrote in a way that is not known here."""
    if about.get("format") != FORMAT:
        raise SpecInvError(
            f"{path} has the format {about.get('format')} of torch_specinv {about.get('version')}, "
            f"and this is {__version__}, which knows format {FORMAT}: use that version, or another "
            "output."
        )


def manifest_rows(files: Files, folder: str) -> Iterator[Row]:
    """Yield the rows of the manifest."""
    from pyarrow import parquet

    with files.native(f"{folder}/{MANIFEST}") as file, parquet.ParquetFile(file) as opened:
        for batch in opened.iter_batches(_PART):
            for row in batch.to_pylist():
                yield {name: value for name, value in row.items() if value is not None}
