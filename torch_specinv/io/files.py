"""What all files have in common: they exist, or they are written all of it or nothing."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Collection, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import SpecInvError, shown

#: What is not a file, by the bits of its mode.
_NOT_FILES = {
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
        raise SpecInvError(
            f"{name}={shown(path)} is not the name of a file: expected a str or a Path."
        )
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
        kind = _NOT_FILES.get(stat.S_IFMT(status.st_mode), "not a file")
        raise SpecInvError(f"{path} is {kind}.")
    if not os.access(path, os.R_OK):
        raise SpecInvError(f"{path} cannot be read: you lack the permission (chmod u+r).")
    if status.st_size == 0:
        raise SpecInvError(f"{path} is empty: an interrupted download or a full disk?")
    return path


def free(path: str | Path, suffixes: Collection[str], *, force: bool, name: str = "path") -> Path:
    """Return the path of a file that can be written, or raise before any work is done."""
    path = read_path(path, name)
    if path.suffix.lower() not in suffixes:
        raise SpecInvError(f"{path}: can write {', '.join(suffixes)} only.")
    if not path.parent.is_dir():
        raise SpecInvError(f"{path}: the folder {path.parent} does not exist.")
    if path.is_dir():
        raise SpecInvError(f"{path} is a folder: name a file in it.")
    if os.path.lexists(path) and not force:
        raise SpecInvError(
            f"{path} exists already: choose another name or overwrite with force=True (--force)."
        )
    if not os.access(path.parent, os.W_OK):
        raise SpecInvError(f"{path}: you lack the permission to write in {path.parent}.")
    return path


@contextmanager
def atomic(path: Path, *, force: bool) -> Generator[Path]:
    """Yield a temporary name beside `path` that becomes `path` if all goes well."""
    temporary = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
    try:
        yield temporary
        if force:
            temporary.replace(path)
        else:
            try:
                # taking the name first makes sure that nothing is overwritten
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            except FileExistsError as error:
                raise WriteError(f"{path} was made by another process meanwhile.") from error
            temporary.replace(path)
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def numbered(path: Path, count: int | None) -> list[Path]:
    """Return the names of so many files, or of a single one whose name gets no number.

    ``out.wav`` becomes ``out_00.wav``, ``out_01.wav``, ..., with as many digits as the last needs.
    """
    if count is None:
        return [path]
    digits = len(str(max(count - 1, 0)))
    return [path.with_name(f"{path.stem}_{i:0{digits}}{path.suffix}") for i in range(count)]


def write_text(path: str | Path, text: str, *, force: bool = False) -> None:
    """Write a text file in UTF-8, all of it or nothing."""
    with atomic(Path(path), force=force) as temporary:
        temporary.write_text(text, encoding="utf-8")
