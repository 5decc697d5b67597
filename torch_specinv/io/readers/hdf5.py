"""Datasets of HDF5, whatever wrote them; MATLAB's files of version 7.3 are such, too."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..entries import Group, Refused, Stored
from ..rates import RATE_NAMES
from ..sizes import check_bytes
from .table import READERS, optional

#: Where MATLAB keeps what its cells and objects consist of.
_MATLAB_OWN = ("#refs#", "#subsystem#")
#: MATLAB's classes that are stored as numbers and are none.
_NOT_NUMBERS = ("char", "cell", "struct", "function_handle", "string", "table", "datetime")


@READERS.register(".hdf5")
@READERS.register(".h5")
@contextmanager
def read_hdf5(path: Path, *, matlab: bool = False) -> Generator[Group]:
    """Yield groups and datasets; those of MATLAB with their axes turned back."""
    with optional(path):
        import h5py
    with h5py.File(path, "r") as file:
        yield _group(path, file, matlab)


def _group(path: Path, group: Any, matlab: bool) -> Group:
    names = [name for name in group if not (matlab and name in _MATLAB_OWN)]
    return Group(names, lambda name: _entry(path, group, name, matlab), _attributes(group))


def _entry(path: Path, group: Any, name: str, matlab: bool) -> Group | Stored | Refused:
    import h5py

    link = group.get(name, getlink=True)
    if isinstance(link, h5py.ExternalLink):
        return Refused(f"a link to another file, {link.filename}, which is not followed")
    if isinstance(link, h5py.SoftLink):
        return Refused(f"a link to {link.path}: name that")
    entry = group[name]
    if isinstance(entry, h5py.Group):
        return _group(path, entry, matlab)
    if isinstance(entry, h5py.Dataset):
        return _dataset(path, entry, matlab)
    return Refused("not an array")


def _dataset(path: Path, data: Any, matlab: bool) -> Stored | Refused:
    # asked before the shape, for which other files would be opened
    if data.is_virtual or data.external:
        return Refused("made of other files, which are not opened")
    kind = data.attrs.get("MATLAB_class", b"") if matlab else b""
    kind = kind.decode() if isinstance(kind, bytes) else str(kind)
    if kind in _NOT_NUMBERS:
        return Refused(f"of MATLAB's class {kind}")
    if data.shape is None or (matlab and "MATLAB_empty" in data.attrs):
        return Refused("empty")
    pair = matlab and data.dtype.names == ("real", "imag")
    if data.dtype.kind not in "biufc" and not pair:
        what = "of fields" if data.dtype.names else "of text or references, not of numbers"
        return Refused(f"a dataset {what}")

    def load() -> NDArray[Any]:
        check_bytes(path, math.prod(data.shape) * data.dtype.itemsize, data.id.get_storage_size())
        array = np.asarray(data[()])
        if pair:
            real = array["real"]
            array = np.empty(real.shape, np.result_type(real.dtype, np.complex64))
            array.real, array.imag = real, data[()]["imag"]
        return array.T if matlab else array

    shape = tuple(data.shape)
    return Stored(shape[::-1] if matlab else shape, load, _attributes(data))


def _attributes(item: Any) -> Mapping[str, Any]:
    """Return what may be a sample rate, and nothing else: attributes may be large."""
    names = [name for name in item.attrs if name.lower() in RATE_NAMES]
    return {name: item.attrs[name] for name in names if item.attrs.get_id(name).shape in ((), (1,))}
