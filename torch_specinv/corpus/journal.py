"""What is finished, written down as it happens: JSON lines in ``OUT/_corpus``.

A run writes to a file of its own, which it locks; where files are objects, such as in S3, to
objects of its own, as nothing can be added to one. The manifest is made of all of them. A line that
was cut off is left out, and its items are inverted again.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ..errors import SpecInvError
from ..io import WriteError, make_folder, open_locked
from .claim import Claim, is_claimed
from .filing import Files, LocalFiles
from .rows import RUN, Row, read_row, write_row

#: Where a corpus keeps its own files within the output.
OWN = "_corpus"
SETTINGS = f"{OWN}/settings.json"
_NAME = re.compile(r"rows-(\d+)-of-(\d+)(?:\.jsonl|/[\w-]+\.jsonl)$")
#: Objects tell their run by their names.
_NAMED = re.compile(r"/(\d+)-\w+-\d+\.jsonl$")
#: Bytes of a journal, at its end, in which a row is looked for.
_END = 2**16
#: Seconds after which rows become an object.
_PERIOD = 10


def tag_of(part: tuple[int, int]) -> str:
    """Return the name of a part of a corpus."""
    return f"{part[0]}-of-{part[1]}"


def open_journal(files: Files, folder: str, part: tuple[int, int]) -> Journal:
    """Open the journal of a run for itself.

    Raises
    ------
    SpecInvError
        If another run that is not over has some of the same items.
    """
    kind = LocalJournal if isinstance(files, LocalFiles) else RemoteJournal
    return kind(files, folder, part)


def journals(files: Files, folder: str) -> Iterator[str]:
    """Yield the paths of all journals by name, which is not the order of their rows in time."""
    if files.is_folder(f"{folder}/{OWN}"):
        found = files.walk(f"{folder}/{OWN}")
        yield from (each.path for each in found if _NAME.search(each.path))


def rows_of(files: Files, path: str) -> Iterator[Row]:
    """Yield the rows of a journal in the order in which they were written."""
    with files.open(path) as file:
        yield from _rows(_lines(file))


def all_rows(files: Files, folder: str) -> Iterator[Row]:
    """Yield the rows of all journals; of one item the last one of the latest run is right."""
    for path in journals(files, folder):
        yield from rows_of(files, path)


def last_run(files: Files, folder: str) -> int:
    """Return the number of the latest run that wrote a row; 0 where there is none."""
    return max((_run_of(files, path) for path in journals(files, folder)), default=0)


def _run_of(files: Files, path: str) -> int:
    """Return the number of the last run in a journal, of which the end is enough."""
    named = _NAMED.search(path)
    if named:
        return int(named[1])
    with files.open(path) as file:
        size = file.seek(0, os.SEEK_END)
        begin = size
        while begin:
            begin = max(0, size - max(_END, 2 * (size - begin)))
            file.seek(begin)
            # of the first line the beginning may be missing
            lines = file.read(size - begin).split(b"\n")[bool(begin) :]
            if found := [int(row.get(RUN, 0)) for row in _rows(lines)]:
                return max(found)
    return 0


def _rows(lines: Iterable[bytes]) -> Iterator[Row]:
    return (row for line in lines if (row := read_row(line)) is not None)


@contextmanager
def alone(files: Files, folder: str) -> Generator[None]:
    """Wait for other runs on parts of the corpus that write the manifest, where there are locks."""
    if not isinstance(files, LocalFiles):
        yield
        return
    while (file := open_locked(Path(folder, OWN, "manifest.lock"))) is None:
        time.sleep(0.1)
    with file:
        yield


def _lines(file: IO[bytes], block: int = 2**20) -> Iterator[bytes]:
    """Yield the complete lines of a file; pyarrow's have no readline that is quick."""
    rest = b""
    while part := file.read(block):
        *lines, rest = (rest + part).split(b"\n")
        yield from lines


class Journal(ABC):
    """Rows that survive whatever happens to the process."""

    def __init__(self, files: Files, folder: str, part: tuple[int, int]) -> None:
        self.files, self.folder, self.part = files, folder, part
        self.tag = tag_of(part)
        self.own = f"{folder}/{OWN}/rows-{self.tag}"
        self.run = 0

    def lines(self, rows: Sequence[Row]) -> bytes:
        """Return rows as they are written down."""
        return "".join(f"{write_row({**row, RUN: self.run})}\n" for row in rows).encode()

    @abstractmethod
    def add(self, rows: Sequence[Row]) -> None:
        """Write rows down."""

    @abstractmethod
    def forget(self) -> None:
        """Begin anew."""

    @abstractmethod
    def close(self) -> None:
        """Let others have it."""

    def _refuse(self, tag: str) -> SpecInvError:
        return SpecInvError(
            f"{self.folder} is being written by another run"
            + ("" if tag == "1-of-1" else f" ({tag.replace('-of-', ' of ')})")
            + ": wait for its end, or let each take a part of the items with shard= (--shard i/n)."
        )


class LocalJournal(Journal):
    """A file that is locked."""

    def __init__(self, files: Files, folder: str, part: tuple[int, int]) -> None:
        super().__init__(files, folder, part)
        own = Path(f"{self.own}.jsonl")
        make_folder(own.parent)
        try:
            file = open_locked(own)
        except OSError as error:
            raise WriteError(f"{own} cannot be written: {error.strerror or error}.") from error
        if file is None:
            raise self._refuse(self.tag)
        self._file = file
        try:
            self._check_others(own)
            self._cut_torn_line()
            self.run = 1 + last_run(files, folder)
        except BaseException:
            file.close()
            raise

    def _check_others(self, own: Path) -> None:
        """Raise if a run that is not over has some of the same items."""
        for path in own.parent.glob("rows-*.jsonl"):
            found = _NAME.search(path.name)
            if path.name == own.name or found is None or int(found[2]) == self.part[1]:
                continue
            other = open_locked(path)
            if other is None:
                raise self._refuse(f"{found[1]}-of-{found[2]}")
            other.close()

    def _cut_torn_line(self) -> None:
        """Take away what was being written when a run was killed."""
        size = os.fstat(self._file.fileno()).st_size
        end = size
        while end:
            begin = max(0, end - 2**16)
            self._file.seek(begin)
            part = self._file.read(end - begin)
            if b"\n" in part:
                end = begin + part.rindex(b"\n") + 1
                break
            end = begin
        if end < size:
            self._file.truncate(end)

    def add(self, rows: Sequence[Row]) -> None:
        """Write rows down, and come back when they are on the disk."""
        if not rows:
            return
        content = memoryview(self.lines(rows))
        size = os.fstat(self._file.fileno()).st_size
        try:
            while content:
                content = content[self._file.write(content) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.truncate(size)
            raise WriteError(
                f"{self.own}.jsonl cannot be written: {error.strerror or error}. What is finished "
                "is kept: make room and run the same again."
            ) from error

    def forget(self) -> None:
        """Begin anew."""
        self._file.truncate(0)

    def close(self) -> None:
        """Let others have it."""
        self._file.close()


class RemoteJournal(Journal):
    """Objects, each of the rows of a while, and one that says that this run is alive.

    There are no locks: of two runs that begin within a second neither may notice the other. Each
    has objects of its own, so that the rows of neither are lost.
    """

    def __init__(self, files: Files, folder: str, part: tuple[int, int]) -> None:
        super().__init__(files, folder, part)
        self._id, self._rows = uuid.uuid4().hex, list[Row]()
        self._check_claims()
        self._number, self.run = 0, 1 + last_run(files, folder)
        self._written = time.monotonic()
        self._claim = Claim(files, f"{folder}/{OWN}/claim-{self.tag}.json", self._id)

    def _check_claims(self) -> None:
        if not self.files.is_folder(f"{self.folder}/{OWN}"):
            return
        for found in self.files.walk(f"{self.folder}/{OWN}"):
            claim = re.search(r"claim-(\d+)-of-(\d+)\.json$", found.path)
            if claim is None:
                continue
            index, count = int(claim[1]), int(claim[2])
            if count == self.part[1] and index != self.part[0]:
                continue
            if is_claimed(self.files, found.path):
                raise self._refuse(f"{index}-of-{count}")

    def add(self, rows: Sequence[Row]) -> None:
        """Write rows down; what is not there yet is inverted again after a kill."""
        self._rows += rows
        if time.monotonic() - self._written > _PERIOD:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._number += 1
            name = f"{self.run:06d}-{self._id}-{self._number:06d}.jsonl"
            self.files.write(f"{self.own}/{name}", self.lines(self._rows))
            self._rows = []
        self._written = time.monotonic()

    def forget(self) -> None:
        """Begin anew."""
        if self.files.is_folder(self.own):
            for found in list(self.files.walk(self.own)):
                self.files.remove(found.path)

    def close(self) -> None:
        """Write down what is left, and let others have it."""
        try:
            self._flush()
        finally:
            self._claim.close()
