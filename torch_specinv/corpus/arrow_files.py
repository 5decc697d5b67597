"""Files anywhere that pyarrow or fsspec reaches, such as in S3."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from ..io import WriteError
from .filing import BLOCK, Files, Found, Written, measured


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
                while block := source.read(BLOCK):
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
        """Copy a file, and finish that if there is an interrupt.

        A stream becomes an object whenever it is closed, also half of one. An interrupt reaches
        the main thread only, which waits for this one before it goes on.
        """
        with ThreadPoolExecutor(1) as thread:
            thread.submit(self._copy, source, path).result()

    def _copy(self, source: Path, path: str) -> None:
        """Copy a file; folders are made where there are such."""
        try:
            target: Any = self.system.open_output_stream(path)
        except FileNotFoundError:
            self.system.create_dir(str(PurePosixPath(path).parent), recursive=True)
            target = self.system.open_output_stream(path)
        with target, source.open("rb") as file:
            while block := file.read(BLOCK):
                target.write(block)

    def remove(self, path: str) -> None:
        """Delete a file, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            self.system.delete_file(path)

    def mark(self, path: str) -> None:
        """Make an object with nothing in it."""
        self.write(path, b"")


def _arrow_found(info: Any) -> Found:
    return Found(info.path, info.size or 0, f"{info.size}-{info.mtime_ns}")
