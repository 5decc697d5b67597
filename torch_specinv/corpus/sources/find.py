"""Find the items of an input, whatever it is."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from ...errors import SpecInvError
from ...io import AUDIO_SUFFIXES, PICTURE_SUFFIXES, SPECTROGRAM_SUFFIXES
from ..filing import Files, Found, LocalFiles, locate
from ..item import Item, check_key
from . import lists, tables, tars

_MAGIC = set("*?[")
# Arrays that a folder is not searched for: mostly such files are something else
_NOT_SEARCHED = (".csv", ".tsv", ".txt", ".parquet", ".mat")
# Files that lie beside others everywhere, and of which nothing is said
_USUAL = (".json", ".txt", ".md", ".csv", ".tsv", ".jsonl", ".arrow", ".yaml", ".log")


@dataclass
class Search:
    """How an input is searched, and what was left out of it."""

    system: Any = None
    """A file system of pyarrow or fsspec, to which the input belongs."""
    full_names: bool = False
    """Whether keys keep the suffixes of files."""
    leave_out: str | None = None
    """A folder that is not searched: the output, if it lies within the input."""
    systems: list[Files] = field(default_factory=list[Files])
    """The file systems of the inputs, in the order of their first items."""
    ignored: Counter[str] = field(default_factory=Counter[str])
    """How many files were left out of folders, by suffix."""

    def key(self, path: str) -> str:
        """Return the key of a file, given by its path within the input."""
        name = PurePosixPath(path)
        return str(name if self.full_names else name.with_suffix(""))


#: Inputs that are one file each, by suffix: lists of items, and shards.
_ONE_FILE: dict[str, Callable[[Files, Found, Search], Iterator[Item]]] = {
    ".csv": lists.read_list,
    ".tsv": lists.read_list,
    ".jsonl": lists.read_list,
    ".parquet": lists.read_list_or_shard,
    ".arrow": tables.read_shard,
    ".tar": tars.read_shard,
}


def find_items(inputs: Any, search: Search) -> Iterator[Item]:
    """Yield the items of an input, or of several, in an order that is always the same.

    Parameters
    ----------
    inputs : str, Path, or a sequence of them
        Each a folder, a pattern such as ``"mels/**/*.npy"``, a file, a list of items, or shards.
    search : Search
        How, and what was left out.

    Raises
    ------
    SpecInvError
        If an input is not there, is of no kind that is read, or holds nothing.
    """
    if isinstance(inputs, (str, os.PathLike)):
        inputs = [inputs]
    elif not isinstance(inputs, Iterable) or not (inputs := list(inputs)):
        raise SpecInvError(f"inputs={inputs!r}: expected the name of a folder, or several.")
    count = 0
    for place in inputs:
        files, path = locate(place, search.system, "inputs")
        search.systems.append(files)
        before = count
        for item in _items(files, path, search):
            count += 1
            yield replace(item, system=len(search.systems) - 1)
        if count == before:
            others = ", ".join(f"{n} {suffix or 'others'}" for suffix, n in search.ignored.items())
            raise SpecInvError(
                f"inputs={os.fspath(place)!r} holds no audio, arrays, pictures or shards."
                + (f" There are {others}." if others else "")
            )


def _items(files: Files, path: str, search: Search) -> Iterator[Item]:
    found = files.find(path)
    if found is not None:
        yield from _of_file(files, found, search)
    elif files.is_folder(path):
        hugging_face = [p for p in files.walk(path) if p.path.endswith(".arrow")] if (
            files.find(_join(path, "state.json"))
            or files.find(_join(path, "dataset_dict.json"))
        ) else []  # fmt: skip
        for shard in hugging_face:
            yield from tables.read_shard(files, shard, search, _within(shard.path, path))
        if not hugging_face:
            yield from _of_folder(files, path, search)
    elif _MAGIC & set(path):
        yield from _of_pattern(files, path, search)
    else:
        raise SpecInvError(f"inputs: {path} does not exist.")


def _of_folder(files: Files, folder: str, search: Search) -> Iterator[Item]:
    """Yield what is in a folder: shards if there are any, or else files."""
    for found in files.walk(folder, search.leave_out):
        suffix = _suffix(found.path)
        if suffix in (".tar", ".parquet"):
            if suffix == ".parquet" and not tables.is_shard(files, found):
                search.ignored[suffix] += 1  # such as a manifest of what lies here
                continue
            yield from _ONE_FILE[suffix](files, found, search)
        elif (kind := _kind(suffix)) and suffix not in _NOT_SEARCHED:
            key = check_key(search.key(_within(found.path, folder)), found.path)
            yield Item(key, found.path, kind, "", found.stamp, found.size)
        else:
            search.ignored[suffix] += 1


def _of_pattern(files: Files, pattern: str, search: Search) -> Iterator[Item]:
    """Yield what fits a pattern; keys begin behind the folders that it names."""
    parts = PurePosixPath(pattern).parts
    plain = next(i for i, part in enumerate(parts) if _MAGIC & set(part))
    base = str(PurePosixPath(*parts[:plain])) if plain else "."
    if isinstance(files, LocalFiles):
        fitting = sorted(glob.iglob(pattern, recursive=True))  # noqa: PTH207 - streams
        several = (found for path in fitting if (found := files.find(path)) is not None)
    else:
        wanted = pattern.replace("**/", "*")
        several = (found for found in files.walk(base) if fnmatchcase(found.path, wanted))
    for found in several:
        if search.leave_out and os.path.realpath(found.path).startswith(f"{search.leave_out}/"):
            continue
        yield from _of_file(files, found, search, _within(found.path, base))


def _of_file(files: Files, found: Found, search: Search, name: str | None = None) -> Iterator[Item]:
    """Yield the item, or the items, of a file that was named."""
    suffix, name = _suffix(found.path), name or PurePosixPath(found.path).name
    if suffix in _ONE_FILE and not (suffix in (".csv", ".tsv") and not lists.is_list(files, found)):
        yield from _ONE_FILE[suffix](files, found, search)
        return
    kind = _kind(suffix)
    if kind is None:
        hint = ": unpack it, or save it as .tar" if found.path.endswith(".tar.gz") else ""
        raise SpecInvError(f"inputs: {found.path} is of no kind that is read{hint}.")
    yield Item(
        check_key(search.key(name), found.path), found.path, kind, "", found.stamp, found.size
    )


def _kind(suffix: str) -> str | None:
    """Return how a file is read, by its suffix."""
    for kind, suffixes in (
        ("audio", AUDIO_SUFFIXES),
        ("picture", PICTURE_SUFFIXES),
        ("array", SPECTROGRAM_SUFFIXES),
    ):
        if suffix in suffixes:
            return kind
    return None


def kind_of(path: str) -> str | None:
    """Return how a file is read, by its name."""
    return _kind(_suffix(path))


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower()


def _join(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}"


def _within(path: str, folder: str) -> str:
    return str(PurePosixPath(Path(path).as_posix()).relative_to(PurePosixPath(folder)))
