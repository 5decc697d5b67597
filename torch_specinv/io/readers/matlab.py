"""MATLAB's files of any version: 4 here, 5 to 7 in ``matlab5.py``, and 7.3, which is HDF5.

SciPy reads them too, but bytes that are wrong can make it crash, or take memory without end.
"""

from __future__ import annotations

import struct
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..entries import Refused
from ..sizes import check_bytes
from .hdf5 import read_hdf5
from .matlab5 import HEADER, read_version_5
from .table import READERS

#: How HDF5 begins, at once or behind what MATLAB puts in front.
_HDF5, _HDF5_AT = b"\x89HDF\r\n\x1a\n", 512
#: The numbers of version 4, by the last but one digit of the type.
_NUMBERS = ("f8", "f4", "i4", "i2", "u2", "u1")


@READERS.register(".mat")
@contextmanager
def read_matlab(path: Path) -> Generator[Any]:
    """Yield the variables by name; structs are dictionaries, cells are lists."""
    with path.open("rb") as file:
        head = file.read(_HDF5_AT + len(_HDF5))
    if _HDF5 in (head[: len(_HDF5)], head[_HDF5_AT:]):
        with read_hdf5(path, matlab=True) as content:
            yield content
        return
    check_bytes(path, path.stat().st_size)
    data = memoryview(path.read_bytes())
    order = {b"IM": "<", b"MI": ">"}.get(head[HEADER - 2 : HEADER])
    if order is not None:
        yield read_version_5(path, data, order)
    else:
        yield _read_version_4(data)


def _read_version_4(data: memoryview) -> dict[str, Any]:
    """Read matrices that follow each other, each behind five numbers and its name."""
    found: dict[str, Any] = {}
    while data:
        # of the type, which is small in the right byte order
        order = "<" if int.from_bytes(data[:4], "little") < 5000 else ">"
        kind, rows, columns, imaginary, length = struct.unpack(f"{order}5i", data[:20])
        machine, kind = divmod(kind, 1000)
        number, what = divmod(kind, 10)
        size = rows * columns * (2 if imaginary else 1)
        if (
            machine != "<>".index(order)
            or number >= len(_NUMBERS)
            or what > 2
            or min(rows, columns) < 0
            or not 0 < length <= len(data)
        ):
            raise ValueError("it does not begin as MATLAB writes it")
        dtype = np.dtype(order + _NUMBERS[number])
        begin = 20 + length
        end = begin + size * dtype.itemsize
        if end > len(data):
            raise ValueError(f"{rows} x {columns} numbers are promised and not there")
        name = data[20 : begin - 1].tobytes().decode("latin-1")
        array = np.frombuffer(data[begin:end], dtype)
        if imaginary:
            real, imag = array.reshape(2, -1)
            array = (real + 1j * imag).astype(np.result_type(dtype, np.complex64))
        matrix = array.reshape((rows, columns), order="F")
        found[name] = matrix if what == 0 else Refused("text" if what == 1 else "sparse")
        data = data[end:]
    return found
