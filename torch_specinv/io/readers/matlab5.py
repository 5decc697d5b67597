"""MATLAB's files of versions 5 to 7, after "MAT-File Format" of The MathWorks.

They consist of elements, each with a type and a size, and elements within elements. All that an
element promises is compared with the bytes that are there.
"""

from __future__ import annotations

import math
import struct
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..entries import Refused
from ..sizes import check_bytes, most_bytes

#: Bytes before the first element.
HEADER = 128
#: What numbers are stored as, by the type of the element. It may be shorter than their class.
_STORED = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8",
}  # fmt: skip
_MATRIX, _COMPRESSED = 14, 15
#: What numbers are in MATLAB, by the class of the array.
_CLASSES = {
    6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8",
}  # fmt: skip
_CELL, _STRUCT = 1, 2
#: The other classes.
_OTHERS = {3: "an object", 4: "text", 5: "sparse", 16: "a function", 17: "an object"}
_OPAQUE = 17
#: Bits of the flags of an array.
_COMPLEX, _LOGICAL = 0x800, 0x200
#: The fewest bytes that an element takes.
_TAG = 8


class _Element(NamedTuple):
    kind: int
    data: memoryview


class _Elements:
    """The elements in some bytes, one after the other."""

    def __init__(self, data: memoryview, order: str) -> None:
        self._data, self.order = data, order

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self._data)

    def next(self) -> _Element:
        """Return the next element."""
        data = self._data
        kind, size = struct.unpack(f"{self.order}2I", data[:_TAG])
        begin = _TAG
        if kind >> 16:  # at most four bytes, in the place of the size
            kind, size, begin = kind & 0xFFFF, kind >> 16, _TAG // 2
        end = begin + size
        if end > (len(data) if begin == _TAG else _TAG):
            raise ValueError(f"an element promises {size} bytes that are not there")
        self._data = data[end if kind == _COMPRESSED else -(-end // _TAG) * _TAG :]
        return _Element(kind, data[begin:end])

    def numbers(self) -> NDArray[Any]:
        """Return the numbers in the next element."""
        kind, data = self.next()
        if kind not in _STORED:
            raise ValueError(f"an element of type {kind} where numbers are expected")
        return np.frombuffer(data, self.order + _STORED[kind])

    def text(self) -> str:
        """Return the text in the next element."""
        return self.next().data.tobytes().decode("latin-1")


def read_version_5(path: Path, data: memoryview, order: str) -> dict[str, Any]:
    """Return the variables by name.

    Parameters
    ----------
    path : Path
        The file, for messages.
    data : memoryview
        All of its bytes.
    order : str
        Their order, "<" or ">".
    """
    found: dict[str, Any] = {}
    total, elements = 0, _Elements(data[HEADER:], order)
    while elements.left:
        element = elements.next()
        if element.kind == _COMPRESSED:
            expander = zlib.decompressobj()
            expanded = expander.decompress(element.data, most_bytes(len(data)) + 1)
            total += len(expanded)
            check_bytes(path, total, len(data))
            inside = _Elements(memoryview(expanded), order)
            element = inside.next()
            if inside.left or not expander.eof:
                raise ValueError("a compressed element does not end where it should")
        if element.kind != _MATRIX:
            raise ValueError(f"an element of type {element.kind} where an array is expected")
        name, value = _array(_Elements(element.data, order))
        if name:  # what has none is MATLAB's own
            found[name] = value
    return found


def _array(elements: _Elements) -> tuple[str, Any]:
    """Return an array's name and content."""
    if not elements.left:
        return "", Refused("empty")
    flags = int(elements.numbers()[0])
    kind = flags & 0xFF
    shape = () if kind == _OPAQUE else tuple(elements.numbers().tolist())
    name = elements.text()
    if kind in _CLASSES:
        return name, _numbers(elements, flags, shape)
    count = math.prod(shape)
    if min(shape, default=0) < 0 or (kind in (_CELL, _STRUCT) and count * _TAG > elements.left):
        raise ValueError(f"{name} has shape {shape}, but {elements.left} bytes are there")
    if kind == _CELL:
        return name, [_inside(elements) for _ in range(count)]
    if kind == _STRUCT:
        fields = _fields(elements)
        items = [{field: _inside(elements) for field in fields} for _ in range(count)]
        return name, items[0] if count == 1 else items
    return name, Refused(_OTHERS.get(kind, f"of MATLAB's class {kind}"))


def _inside(elements: _Elements) -> Any:
    """Return the content of the next array."""
    kind, data = elements.next()
    if kind != _MATRIX:
        raise ValueError(f"an element of type {kind} where an array is expected")
    return _array(_Elements(data, elements.order))[1]


def _fields(elements: _Elements) -> list[str]:
    """Return the names of a struct's fields, which are of one length, with zeros behind."""
    length, text = int(elements.numbers()[0]), elements.text()
    if length <= 0:
        raise ValueError(f"names of {length} letters")
    return [text[i : i + length].partition("\0")[0] for i in range(0, len(text), length)]


def _numbers(elements: _Elements, flags: int, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return an array of numbers."""
    dtype = np.dtype(bool if flags & _LOGICAL else _CLASSES[flags & 0xFF])
    array = elements.numbers().astype(dtype)
    if flags & _COMPLEX:
        imag = elements.numbers().astype(dtype)
        array = array.astype(np.result_type(dtype, np.complex64))
        array.imag = imag
    return array.reshape(shape, order="F")
