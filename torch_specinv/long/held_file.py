"""A file that one run adds to, and that nobody else may change: it is noticed if they do."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO

from ..io import WriteError, names

Write = Callable[[IO[bytes], bytes], None]


def write_to_disk(file: IO[bytes], content: bytes) -> None:
    """Write at the end of an unbuffered file, and come back when all of it is on the disk."""
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]
    os.fsync(file.fileno())


class HeldFile:
    """An open file, its name, and how many bytes it should have.

    Parameters
    ----------
    path : Path
        Its name.
    file : file
        Opened for reading and adding, without a buffer.
    write : callable
        Adds bytes to a file, and comes back when they will survive a power failure.
    """

    def __init__(self, path: Path, file: IO[bytes], write: Write) -> None:
        self.path, self._file, self._write = path, file, write
        self.size = os.fstat(file.fileno()).st_size

    def check(self) -> None:
        """Raise WriteError if the file was removed, replaced, cut, or written to by others."""
        if names(self.path, self._file):
            size = os.fstat(self._file.fileno()).st_size
            if size == self.size:
                return
            what = f"has {size} bytes instead of {self.size}"
        else:
            what = "was removed or replaced"
        raise WriteError(
            f"{self.path} {what}: another program changed it. Run the same again: what is sound "
            "of it is used, the rest is computed again."
        )

    def add(self, content: bytes) -> None:
        """Add bytes at the end."""
        self.check()
        self._write(self._file, content)
        self.size += len(content)

    def read(self, begin: int, end: int) -> bytes:
        """Return bytes, fewer if the file ends before."""
        found = bytearray()
        self._file.seek(begin)
        while len(found) < end - begin:
            part = self._file.read(end - begin - len(found))
            if not part:
                break
            found += part
        return bytes(found)

    def cut(self, size: int) -> None:
        """Leave only the first `size` bytes."""
        self._file.truncate(size)
        self.size = size

    def remove(self) -> None:
        """Close the file and delete it, unless the name is that of another file by now."""
        ours = names(self.path, self._file)
        if os.name == "nt":  # Windows deletes nothing that is open
            self._file.close()
        # what cannot be deleted now is by the next run, and hides no error
        with contextlib.suppress(OSError):
            if ours:
                self.path.unlink()

    def close(self) -> None:
        """Let other runs have it."""
        self._file.close()
