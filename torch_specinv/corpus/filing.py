"""Where files are: on this machine's disks, or anywhere that pyarrow or fsspec reaches, such as S3.

Both kinds are read and written alike. A file is there whole or not at all: on a disk by the
temporary name of :mod:`torch_specinv.io.outputs`, elsewhere as an object appears when its upload
is complete.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from ..errors import SpecInvError
from ..io import WriteError, make_folder, read_path
from ..io.outputs import atomic

_BLOCK = 2**20


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


class ArrowFiles(Files):
    """A file system of pyarrow, such as S3, or one of fsspec."""

    def __init__(self, system: Any) -> None:
        self.system = system

    def find(self, path: str) -> Found | None:
        """Return a file, or None where there is none."""
        from pyarrow import fs

        info: Any = self.system.get_file_info(path)
        return _arrow_found(info) if info.type == fs.FileType.File else None

    def is_folder(self, path: str) -> bool:
        """Whether a path is that of a folder."""
        from pyarrow import fs

        return cast(bool, self.system.get_file_info(path).type == fs.FileType.Directory)

    def walk(self, path: str, leave_out: str | None = None) -> Iterator[Found]:
        """Yield the files of a folder and those within, by name; hidden ones are left out."""
        from pyarrow import fs

        infos: Any = self.system.get_file_info(fs.FileSelector(path, recursive=True))
        for info in sorted(infos, key=lambda info: info.path):
            inner = PurePosixPath(info.path).relative_to(path).parts
            if info.type != fs.FileType.File or any(part.startswith(".") for part in inner):
                continue
            if leave_out is None or not info.path.startswith(f"{leave_out}/"):
                yield _arrow_found(info)

    @contextmanager
    def local(self, path: str) -> Generator[Path]:
        """Yield a copy, which is removed afterwards."""
        with tempfile.TemporaryDirectory(prefix="specinv-") as folder:
            target = Path(folder, PurePosixPath(path).name)
            with self.system.open_input_stream(path) as source, target.open("wb") as copy:
                while block := source.read(_BLOCK):
                    copy.write(block)
            yield target

    def open(self, path: str) -> BinaryIO:
        """Open a file for reading anywhere in it."""
        return cast(BinaryIO, self.system.open_input_file(path))

    def native(self, path: str) -> Any:
        """Open a file as one of pyarrow's."""
        return self.system.open_input_file(path)

    def deliver(self, path: str, write: Callable[[Path], None]) -> Written:
        """Let `write` make a file, and upload it."""
        with tempfile.TemporaryDirectory(prefix="specinv-") as folder:
            made = Path(folder, PurePosixPath(path).name)
            write(made)
            written = measured(made)
            try:
                self._upload(made, path)
            except OSError as error:
                raise WriteError(f"{path} cannot be written: {error}") from error
        return written

    def _upload(self, source: Path, path: str) -> None:
        """Copy a file; folders are made where there are such."""
        try:
            target: Any = self.system.open_output_stream(path)
        except FileNotFoundError:
            self.system.create_dir(str(PurePosixPath(path).parent), recursive=True)
            target = self.system.open_output_stream(path)
        with target, source.open("rb") as file:
            while block := file.read(_BLOCK):
                target.write(block)

    def remove(self, path: str) -> None:
        """Delete a file, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            self.system.delete_file(path)

    def mark(self, path: str) -> None:
        """Make an object with nothing in it."""
        self.write(path, b"")


def measured(path: Path) -> Written:
    """Return the size and a digest of a file of this machine."""
    told, size = sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
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


def _arrow_found(info: Any) -> Found:
    return Found(info.path, info.size or 0, f"{info.size}-{info.mtime_ns}")
