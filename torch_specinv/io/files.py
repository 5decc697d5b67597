"""What all files that are read have in common."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

from ..errors import SpecInvError, shown

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


def read_path(path: Any, name: str = "path") -> Path:
    """Return what can be the name of a file, given as the argument of that name."""
    text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(text, str) or not text or "\0" in text:
        cause = "it holds a null byte" if text and "\0" in text else "expected a str or a Path"
        raise SpecInvError(f"{name}={shown(path)} is not the name of a file: {cause}.")
    return Path(text)


def existing(path: str | Path, name: str = "path") -> Path:
    """Return the path of a file that is there, is not empty and may be read."""
    path = read_path(path, name)
    try:
        status = path.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise SpecInvError(f"{path} is a symbolic link that leads back to itself.") from error
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            dangling = " The symbolic link leads nowhere." if path.is_symlink() else ""
            raise SpecInvError(f"{path} does not exist.{dangling}") from error
        raise SpecInvError(f"{path} cannot be read: {error.strerror or error}.") from error
    if not stat.S_ISREG(status.st_mode):
        kind = NOT_FILES.get(stat.S_IFMT(status.st_mode), "not a file")
        raise SpecInvError(f"{path} is {kind}.")
    if not os.access(path, os.R_OK):
        raise SpecInvError(f"{path} cannot be read: you lack the permission (chmod u+r).")
    if status.st_size == 0:
        raise SpecInvError(f"{path} is empty: an interrupted download or a full disk?")
    return path


def numbered(path: Path, count: int | None) -> list[Path]:
    """Return the names of so many files, or of a single one whose name gets no number.

    ``out.wav`` becomes ``out_00.wav``, ``out_01.wav``, ..., with as many digits as the last needs.
    """
    if count is None:
        return [path]
    digits = len(str(max(count - 1, 0)))
    return [path.with_name(f"{path.stem}_{i:0{digits}}{path.suffix}") for i in range(count)]
