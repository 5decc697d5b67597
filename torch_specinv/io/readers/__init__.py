"""Readers of arrays, by suffix. A new format is a file here, with a reader that registers itself.

A reader yields what a file holds, for as long as it is read from: an array, or dictionaries, lists
and :class:`~torch_specinv.io.entries.Group` of arrays. Arrays that are not in memory yet are
:class:`~torch_specinv.io.entries.Stored`, and what is not read is
:class:`~torch_specinv.io.entries.Refused` with the reason. It raises whatever it likes.
"""

from . import hdf5, matlab, numpy_files, parquet, safetensors_files, text, torch_files
from .table import READERS

__all__ = [
    "READERS",
    "hdf5",
    "matlab",
    "numpy_files",
    "parquet",
    "safetensors_files",
    "text",
    "torch_files",
]
