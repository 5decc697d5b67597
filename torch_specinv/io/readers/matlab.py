"""MATLAB's files: versions up to 7 by SciPy, and 7.3, which is HDF5."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..entries import Refused
from ..sizes import check_bytes, most_bytes
from .hdf5 import read_hdf5
from .table import READERS, optional

# Of files of versions 5 to 7: the header's size, and the type of elements that are compressed
_HEADER, _COMPRESSED, _BLOCK = 128, 15, 2**20


@READERS.register(".mat")
@contextmanager
def read_matlab(path: Path) -> Generator[Any]:
    """Yield the variables by name; structs are dictionaries, cells are lists."""
    with path.open("rb") as file:
        head = file.read(_HEADER)
    if head.startswith(b"MATLAB 7.3") or head.startswith(b"\x89HDF"):
        with read_hdf5(path, matlab=True) as content:
            yield content
        return
    with optional(path):
        from scipy.io import loadmat, whosmat
    _check_size(path)
    with path.open("rb") as file:
        classes = {name: kind for name, _shape, kind in whosmat(file)}
        file.seek(0)
        variables = loadmat(file)
    for name, kind in classes.items():
        if kind == "double" and variables[name].dtype.kind in "iu":  # MATLAB stores them shorter
            variables[name] = variables[name].astype(float)
    yield {name: _plain(variables[name]) for name in classes}


def _plain(value: Any) -> Any:
    """Turn structs into dictionaries and cells into lists."""
    if not isinstance(value, np.ndarray):
        return Refused("sparse" if hasattr(value, "toarray") else "not an array")
    array = cast(NDArray[Any], value)
    if array.dtype.names is not None:
        items = [{name: _plain(each[name]) for name in array.dtype.names} for each in array.flat]
        return items[0] if len(items) == 1 else items
    if array.dtype.kind == "O":
        return [_plain(each) for each in array.flat]
    return array


def _check_size(path: Path) -> None:
    """Raise for a file of which more comes out than there can be, without keeping any of it."""
    size = path.stat().st_size
    most, total = most_bytes(size), 0
    with path.open("rb") as file:
        order = {b"IM": "<", b"MI": ">"}.get(file.read(_HEADER)[126:])
        while order and len(tag := file.read(8)) == 8:
            kind, count = struct.unpack(f"{order}II", tag)
            end = file.tell() + count
            if kind == _COMPRESSED:
                expander = zlib.decompressobj()
                waiting = file.read(min(count, _BLOCK))
                while waiting and not expander.eof:
                    total += len(expander.decompress(waiting, _BLOCK))
                    if total > most:
                        check_bytes(path, total, size)
                    waiting = expander.unconsumed_tail or file.read(
                        max(0, min(end - file.tell(), _BLOCK))
                    )
            file.seek(end)
