"""What there is to invert: references to files, or to places in files, and never the arrays."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import PurePosixPath
from typing import Any

from ..errors import SpecInvError, shown


@dataclass(frozen=True)
class Item:
    """One array or recording, which becomes one waveform.

    A few hundred bytes of text whatever it holds, so that a hundred thousand of them can be sorted,
    kept in a file and sent to other machines.
    """

    key: str
    """The name of the output without its suffix, with slashes between folders."""
    place: str
    """The file, as a path or URI."""
    kind: str
    """How it is read: the name of a reader, see :data:`.reading.ITEM_READERS`."""
    inside: str = ""
    """Where in the file, in the words of its reader."""
    stamp: str = ""
    """Changes when the file does: its size and the time of its last change."""
    size: int = 0
    """Bytes it takes in the file, by which items are sorted."""
    about: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What a list of items says of this one: sr, length, array, preset and other conventions."""
    system: int = 0
    """Which of the file systems of the inputs it lies in, by number."""

    @property
    def told(self) -> str:
        """How the item is called in messages."""
        return f"{self.place}, {self.inside}" if self.inside else self.place

    def plain(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


def write_items(items: list[Item]) -> str:
    """Return items as a line of text; names that are no text survive."""
    return json.dumps([item.plain() for item in items])


def read_items(line: str) -> list[Item]:
    """Return what :func:`write_items` wrote."""
    return [Item(**fields) for fields in json.loads(line)]


def key_number(key: str) -> int:
    """Return 63 bits that stand for a key: what is remembered of each item."""
    text = key.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest()) >> 1


def check_key(key: Any, place: str) -> str:
    """Return a key that names a file within the output, or raise."""
    if isinstance(key, (int, float)) and not isinstance(key, bool):
        key = f"{key:g}" if isinstance(key, float) else str(key)
    if not isinstance(key, str) or not key or "\0" in key:
        raise SpecInvError(f"{place}: key={shown(key)} is not the name of an output.")
    path = PurePosixPath(key)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise SpecInvError(
            f"{place}: key={shown(key)} leads out of the output folder: expected a relative name, "
            "such as speaker/clip."
        )
    return str(path)
