"""Files that one run has for itself until it closes them, where the system has locks."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


def open_locked(path: Path) -> IO[bytes] | None:
    """Open a file for reading and adding, made where it is missing; None if another run has it.

    What is written is not buffered, so that no error comes later than its cause.
    """
    while True:
        file = path.open("a+b", buffering=0)
        try:
            if not _lock(file):
                file.close()
                return None
            if names(path, file):
                return file
        except BaseException:
            file.close()
            raise
        file.close()  # the run before has removed or renamed it in between


def names(path: Path, file: IO[bytes]) -> bool:
    """Whether a path still is the name of a file that was opened."""
    if file.closed:  # on Windows, where it could not be renamed otherwise
        return path.is_file()
    with contextlib.suppress(OSError):
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False


def _lock(file: IO[bytes]) -> bool:
    """Lock a file, or return False if another run has done so."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system that has no locks
        return True
    return True
