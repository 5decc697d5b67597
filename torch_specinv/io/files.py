"""What all files that are read have in common."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from ..errors import SpecInvError

#: What is not a file, by the bits of its mode.
NOT_FILES = {
    stat.S_IFDIR: "a folder: name a file in it",
    stat.S_IFIFO: "a pipe: save what comes out of it as a file first",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class WriteError(SpecInvError):
    """A file that could not be written: the fault of the machine and not of what was passed."""


def existing(path: str | Path) -> Path:
    """Return the path of a file that is there, is not empty and may be read."""
    path = Path(path)
    try:
        status = path.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise SpecInvError(f"{path} is a symbolic link that leads back to itself.") from error
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            dangling = " The symbolic link leads nowhere." if path.is_symlink() else ""
            raise SpecInvError(f"{path} does not exist.{dangling}") from error
        raise SpecInvError(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:  # a name with a null byte
        raise SpecInvError(f"{str(path)!r} is not the name of a file: {error}.") from error
    if not stat.S_ISREG(status.st_mode):
        kind = NOT_FILES.get(stat.S_IFMT(status.st_mode), "not a file")
        raise SpecInvError(f"{path} is {kind}.")
    if not os.access(path, os.R_OK):
        raise SpecInvError(f"{path} cannot be read: you lack the permission (chmod u+r).")
    if status.st_size == 0:
        raise SpecInvError(f"{path} is empty: an interrupted download or a full disk?")
    return path
