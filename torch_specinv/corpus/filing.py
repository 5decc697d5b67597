"""Where files are: on this machine's disks, or, in arrow_files.py, anywhere else.

Both kinds are read and written alike. A file is there whole or not at all: on a disk by the
temporary name of :mod:`torch_specinv.io.outputs`, elsewhere as an object appears when its upload
is complete.
"""

from __future__ import annotations

import contextlib
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, cast

from ..errors import SpecInvError
from ..io import make_folder, read_path
from ..io.outputs import atomic

#: Bytes that are copied at a time.
BLOCK = 2**20


@dataclass(frozen=True)
class Found:
    """A file that was found."""

    path: str
    size: int
    stamp: str


@dataclass(frozen=True)
class Written:
    """A file that was written."""

    size: int
    digest: str


class Files(ABC):
    """A file system."""

    @abstractmethod
    def find(self, path: str) -> Found | None:
        """Return a file, or None where there is none."""

    @abstractmethod
    def is_folder(self, path: str) -> bool:
        """Whether a path is that of a folder."""

    @abstractmethod
    def walk(self, path: str, leave_out: str | None = None) -> Iterator[Found]:
        """Yield the files of a folder and those within, by name; hidden ones are left out."""

    @abstractmethod
    def local(self, path: str) -> AbstractContextManager[Path]:
        """Yield a file of this machine with the same content and suffix."""

    @abstractmethod
    def open(self, path: str) -> BinaryIO:
        """Open a file for reading anywhere in it."""

    @abstractmethod
    def native(self, path: str) -> Any:
        """Open a file as one of pyarrow's, whose threads read Python's even while it ends."""

    @abstractmethod
    def deliver(self, path: str, write: Callable[[Path], None]) -> Written:
        """Let `write` make a file of this machine, and put it at a path, in place of what is there.

        `write` makes its file whole or not at all, or raises.
        """

    @abstractmethod
    def remove(self, path: str) -> None:
        """Delete a file, if it is there."""

    @abstractmethod
    def mark(self, path: str) -> None:
        """Make an empty file, which need not survive a power failure."""

    def read(self, path: str) -> bytes:
        """Return the content of a file."""
        with self.open(path) as file:
            return file.read()

    def write(self, path: str, content: bytes) -> None:
        """Write a small file."""

        def make(target: Path) -> None:
            with atomic(target, force=True) as temporary:
                temporary.write_bytes(content)

        self.deliver(path, make)


class LocalFiles(Files):
    """The disks of this machine, and what is mounted like one."""

    def find(self, path: str) -> Found | None:
        """Return a file, or None where there is none."""
        try:
            status = os.stat(path)  # noqa: PTH116 - the name need not be text
        except (OSError, ValueError):
            return None
        return _found(path, status) if stat.S_ISREG(status.st_mode) else None

    def is_folder(self, path: str) -> bool:
        """Whether a path is that of a folder."""
        return Path(path).is_dir()

    def walk(self, path: str, leave_out: str | None = None) -> Iterator[Found]:
        """Yield the files of a folder and those within, by name; hidden ones are left out."""
        folders: list[str] = []
        try:
            with os.scandir(path) as entries:
                ordered = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            raise SpecInvError(f"{path} cannot be read: {error.strerror or error}.") from error
        for entry in ordered:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():  # links are followed; one that leads back is as deep as names go
                folders.append(entry.path)
                continue
            # what cannot even be looked at is told when it is read
            with contextlib.suppress(OSError):
                yield _found(entry.path, entry.stat())
                continue
            yield Found(entry.path, 0, "")
        for folder in folders:
            if leave_out is None or os.path.realpath(folder) != leave_out:
                yield from self.walk(folder, leave_out)

    @contextmanager
    def local(self, path: str) -> Generator[Path]:
        """Yield the file itself."""
        yield Path(path)

    def open(self, path: str) -> BinaryIO:
        """Open a file for reading anywhere in it."""
        return Path(path).open("rb")

    def native(self, path: str) -> Any:
        """Open a file as one of pyarrow's."""
        import pyarrow

        return pyarrow.OSFile(path)

    def deliver(self, path: str, write: Callable[[Path], None]) -> Written:
        """Let `write` make the file."""
        target = Path(path)
        make_folder(target.parent)
        write(target)
        return measured(target)

    def remove(self, path: str) -> None:
        """Delete a file, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            Path(path).unlink()

    def mark(self, path: str) -> None:
        """Make an empty file."""
        target = Path(path)
        try:
            target.touch()
        except FileNotFoundError:
            make_folder(target.parent)
            target.touch()


def measured(path: Path) -> Written:
    """Return the size and a digest of a file of this machine."""
    told, size = sha256(), 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            told.update(block)
            size += len(block)
    return Written(size, told.hexdigest()[:16])


def locate(place: Any, system: Any = None, name: str = "path") -> tuple[Files, str]:
    """Return the file system that a path or URI belongs to, and the path there.

    Parameters
    ----------
    place : str or Path
        A path, or a URI such as ``s3://bucket/folder?endpoint_override=localhost:9000``.
    system : optional
        A file system of pyarrow or fsspec, to which `place` then belongs.
    name : str
        What the argument is called in messages.
    """
    path = read_path(place, name)
    text = os.fspath(place)
    if system is None and "://" not in text:
        # workers elsewhere have other working directories
        return LocalFiles(), os.path.abspath(path)  # noqa: PTH100 - links stay as they are
    try:
        from pyarrow import fs

        from .arrow_files import ArrowFiles
    except ImportError as error:
        raise SpecInvError(
            f"{name}={text!r} needs pyarrow ({error}): python -m pip install 'torch_specinv[files]'"
        ) from error
    try:
        if system is None:
            found, inside = cast(Any, fs.FileSystem).from_uri(text)
            if isinstance(found, fs.LocalFileSystem):
                return LocalFiles(), inside
            return ArrowFiles(found), inside
        if not isinstance(system, fs.FileSystem):
            system = fs.PyFileSystem(fs.FSSpecHandler(system))
        return ArrowFiles(system), text.partition("://")[2] or text
    except (OSError, ValueError, TypeError, NotImplementedError) as error:
        raise SpecInvError(f"{name}={text!r} cannot be reached: {error}") from error


def _found(path: str, status: os.stat_result) -> Found:
    return Found(path, status.st_size, f"{status.st_size}-{status.st_mtime_ns}")
