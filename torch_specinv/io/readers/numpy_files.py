"""Arrays of NumPy: .npy, and .npz, which is a zip archive of them."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..entries import Group, Refused, Stored
from ..plain_array import PlainArray
from ..sizes import check_bytes
from .table import READERS

_MAGIC = b"\x93NUMPY"
# the part of a zip entry's own header that comes before its name, in bytes
_LOCAL_HEADER = 30


@READERS.register(".npz")
@READERS.register(".npy")
@contextmanager
def read_numpy(path: Path) -> Generator[Any]:
    """Yield the array, or those of an archive by name."""
    with path.open("rb") as file:
        magic = file.read(len(_MAGIC))
        if not magic.startswith(b"PK"):
            if magic != _MAGIC:
                raise ValueError("it does not begin as numpy.save writes it")
            file.seek(0)
            yield _array(path, file, path.stat().st_size, 0)
            return
    with zipfile.ZipFile(path) as archive:
        entries = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        yield Group(entries, lambda name: _entry(path, archive, entries[name]))


def _entry(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Stored | Refused:
    """Return an array of an archive."""
    if not info.filename.endswith(".npy"):
        return Refused("not an array")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return Refused("compressed in a way that numpy does not write")

    def load() -> NDArray[Any]:
        check_bytes(path, info.file_size, info.compress_size)
        with archive.open(info) as file:
            return np.lib.format.read_array(file, allow_pickle=False)

    with archive.open(info) as file:
        offset = None
        if info.compress_type == zipfile.ZIP_STORED:
            with path.open("rb") as raw:
                raw.seek(info.header_offset + _LOCAL_HEADER - 4)
                lengths = raw.read(4)
            name, extra = (int.from_bytes(lengths[i : i + 2], "little") for i in (0, 2))
            offset = info.header_offset + _LOCAL_HEADER + name + extra
        entry = _array(path, file, info.file_size, offset)
    if isinstance(entry, Refused):
        return entry
    return Stored(entry.shape, load, plain=entry.plain)


def _array(path: Path, file: IO[bytes], size: int, offset: int | None) -> Stored | Refused:
    """Return the array whose header comes next in a file, and which begins there at `offset`."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
    else:
        return Refused("a structured array: save its fields one by one")
    if dtype.hasobject:
        return Refused("an array of Python objects (a pickle), which could run code")
    if dtype.names is not None:
        return Refused(
            f"a structured array with the fields {', '.join(dtype.names)}: save the one that is "
            "meant as an array of its own"
        )
    if dtype.kind not in "biufc":
        return Refused(f"an array of {dtype}, not of numbers")
    if min(shape, default=0) < 0:
        return Refused(f"an array of shape {shape}")
    begin, expected = file.tell(), math.prod(shape) * dtype.itemsize
    if expected > size - begin:
        return Refused(
            f"truncated: shape {shape} of {dtype} takes {expected} bytes, and {size - begin} are "
            "there"
        )

    def load() -> NDArray[Any]:
        check_bytes(path, expected)
        with path.open("rb") as file:
            return np.lib.format.read_array(file, allow_pickle=False)

    place = None if offset is None else PlainArray(path, offset + begin, shape, dtype, fortran)
    return Stored(shape, load, plain=place)
