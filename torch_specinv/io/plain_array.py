"""Arrays whose numbers lie in a file as they are, read in parts.

They are read and not mapped into memory: a mapped file that another program makes shorter ends
the process.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..errors import SpecInvError


@dataclass(frozen=True)
class PlainArray:
    """An array in a file.

    Attributes
    ----------
    path : Path
        The file.
    offset : int
        Where its numbers begin, in bytes.
    shape : tuple of int
        Its shape.
    dtype : numpy.dtype
        Its type, in the byte order of the file.
    fortran : bool
        Whether the first dimension is the one whose neighbours lie side by side.
    """

    path: Path
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool = False

    def read(self, axis: int, begin: int, end: int) -> NDArray[Any]:
        """Return the entries `begin` to `end` of a dimension, in the byte order of the machine.

        Raises SpecInvError if the file can't be read, or is shorter than it was.
        """
        shape = self.shape[::-1] if self.fortran else self.shape
        axis %= len(shape)
        axis = len(shape) - 1 - axis if self.fortran else axis
        begin, end, _ = slice(begin, end).indices(shape[axis])
        found = np.empty((*shape[:axis], max(0, end - begin), *shape[axis + 1 :]), self.dtype)
        item = math.prod(shape[axis + 1 :]) * self.dtype.itemsize
        if found.size:
            # the rows of a part lie apart, each as one run of bytes
            rows = found.reshape(math.prod(shape[:axis]), -1)
            try:
                with self.path.open("rb", buffering=0) as file:
                    for number, row in enumerate(rows):
                        file.seek(self.offset + (number * shape[axis] + begin) * item)
                        self._fill(file, row)
            except OSError as error:
                reason = error.strerror or error
                raise SpecInvError(f"{self.path} cannot be read: {reason}.") from error
        return (found.T if self.fortran else found).astype(self.dtype.newbyteorder("="), copy=False)

    def _fill(self, file: Any, row: NDArray[Any]) -> None:
        """Read as many bytes as a row has."""
        missing = memoryview(cast(Any, row.view(np.uint8)))
        while missing:
            count = file.readinto(missing)
            if not count:
                raise SpecInvError(
                    f"{self.path} ends before the array of shape {self.shape} in it does: it was "
                    "made shorter while it was read."
                )
            missing = missing[count:]
