"""Shards of WebDataset: tar files whose members with one name before the first dot are an item."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ...errors import SpecInvError
from ..filing import Files, Found
from ..item import Item, check_key

if TYPE_CHECKING:
    from .find import Search


def read_shard(files: Files, found: Found, search: Search) -> Iterator[Item]:
    """Yield an item for each array or recording in a tar file; only its headers are read.

    Members are read by their place in the file, so that it may not be compressed.
    """
    from .find import kind_of

    base = search.key(PurePosixPath(found.path).name)
    waiting: Item | None = None
    extra = ""
    try:
        with files.open(found.path) as file, tarfile.open(fileobj=file, mode="r:") as tar:
            for member in tar:
                vars(tar)["members"].clear()  # they would all be kept
                if not member.isreg():
                    continue
                path = PurePosixPath(member.name)
                stem, _, ending = path.name.partition(".")
                where = f"{member.offset_data} {member.size} {ending}"
                key = f"{base}/{path.with_name(stem)}"
                if waiting is not None and waiting.key != key:
                    yield _with(waiting, extra)
                    waiting, extra = None, ""
                if ending == "json":
                    extra = where
                elif waiting is None and kind_of(f"x.{ending}") is not None:
                    check_key(key, found.path)
                    waiting = Item(key, found.path, "member", where, found.stamp, member.size)
            if waiting is not None:
                yield _with(waiting, extra)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise SpecInvError(
            f"{found.path} cannot be read as a tar file: {error} (compressed, or truncated?)"
        ) from error


def _with(item: Item, extra: str) -> Item:
    """Return an item that knows where the JSON beside it is."""
    about = {"json": extra} if extra else {}
    return Item(item.key, item.place, item.kind, item.inside, item.stamp, item.size, about)
