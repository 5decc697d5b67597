"""Whether the manifest, the journals and the files of a corpus agree."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import SpecInvError, check_switch
from .filing import Files, locate
from .finished import Latest
from .item import key_number
from .journal import OWN
from .manifest import MANIFEST, manifest_rows, read_about
from .rows import DONE, Row
from .sinks import text_of

#: How many complaints are told.
_TOLD = 20
#: Files beside the waveforms that a corpus makes.
_BESIDE = (MANIFEST, "report.html")


@dataclass
class Verification:
    """The result of `verify_corpus`.

    Attributes
    ----------
    done, failed : int
        Rows of the manifest.
    problems : list of str
        What does not agree, the first twenty.
    count : int
        How many problems there are.
    """

    done: int = 0
    failed: int = 0
    problems: list[str] = field(default_factory=list[str])
    count: int = 0

    def tell(self, problem: str) -> None:
        """Count a problem."""
        self.count += 1
        if len(self.problems) < _TOLD:
            self.problems.append(problem)

    def __str__(self) -> str:
        told = "".join(f"\n{problem}" for problem in self.problems)
        more = f"\nand {self.count - _TOLD} more" if self.count > _TOLD else ""
        ends = "all agrees" if not self.count else f"{self.count} problems:{told}{more}"
        return f"{self.done:,} items done, {self.failed:,} failed; {ends}"


def verify_corpus(
    output: str | Path, *, closely: bool = False, output_filesystem: Any = None
) -> Verification:
    """Compare the manifest of a corpus with its journals and its files.

    Parameters
    ----------
    output : str or Path
        The output of :func:`invert_corpus`.
    closely : bool, default False
        Read every file and compare its digest, and not the sizes alone.
    output_filesystem : optional
        A file system of pyarrow or fsspec, to which `output` belongs.

    Returns
    -------
    Verification
        What does not agree: rows without files, files without rows, files that were changed, items
        that are there twice.

    Raises
    ------
    SpecInvError
        If it is not the output of a corpus, or of another version of this package.
    """
    files, folder = locate(output, output_filesystem, "output")
    check_switch("closely", closely)
    if not files.is_folder(folder):
        raise SpecInvError(f"output={os.fspath(output)!r} is not a folder.")
    read_about(files, folder)
    found = Verification()
    _compare(files, folder, found)
    there = {f.path: f.size for f in files.walk(folder) if f"/{OWN}/" not in f.path}
    owned: set[str] = set()
    members: dict[str, set[str]] = {}
    for row in Latest(files, folder):
        if row["status"] != DONE:
            found.failed += 1
            continue
        found.done += 1
        path = f"{folder}/{row['output']}"
        owned.add(path)
        if "member" in row:
            members.setdefault(path, set()).add(row["member"])
        _check_file(files, path, there.get(path), row, found, closely)
    for path, names in members.items():
        if path in there:
            _check_members(files, path, names, found)
    for path in there.keys() - owned - {f"{folder}/{name}" for name in _BESIDE}:
        found.tell(f"{path} has no row in the manifest")
    return found


def _compare(files: Files, folder: str, found: Verification) -> None:
    """Compare the manifest with the journals that it is made of."""

    def told(row: Row) -> int:
        fields = (row["key"], row["status"], row.get("output", ""), row.get("output_digest", ""))
        return key_number(" ".join(map(text_of, fields)))

    written = Counter(told(row) for row in Latest(files, folder))
    listed = Counter(told(row) for row in manifest_rows(files, folder))
    differ = (written - listed).total() + (listed - written).total()
    if differ:
        found.tell(f"the manifest and the journals differ in {differ} rows: run it again")


def _check_file(
    files: Files, path: str, size: int | None, row: Row, found: Verification, closely: bool
) -> None:
    """Compare a file with its row."""
    if size is None:
        found.tell(f"{path} of {row['key']} is missing")
    elif size != row["output_bytes"]:
        found.tell(f"{path} has {size} bytes, its row says {row['output_bytes']}")
    elif closely and "member" not in row:
        told = hashlib.sha256(files.read(path)).hexdigest()[:16]
        if told != row["output_digest"]:
            found.tell(f"{path} was changed")


def _check_members(files: Files, path: str, names: set[str], found: Verification) -> None:
    """Compare the items of a shard with those that should be in it."""
    inside = list(_members(files, path))
    if len(set(inside)) < len(inside):
        found.tell(f"{path} holds an item twice")
    for name in names ^ set(inside):
        found.tell(f"{path}: {name} is {'not in it' if name in names else 'not in the manifest'}")


def _members(files: Files, path: str) -> Iterator[str]:
    if path.endswith(".tar"):
        with files.open(path) as file, tarfile.open(fileobj=file, mode="r:") as tar:
            for member in tar:
                if member.name.endswith(".wav"):
                    yield member.name.removesuffix(".wav")
        return
    from pyarrow import parquet

    with files.native(path) as file:
        table = parquet.read_table(file, columns=["audio"])
    for audio in table.column("audio").to_pylist():
        yield audio["path"].removesuffix(".wav")
