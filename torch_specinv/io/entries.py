"""What a file of arrays holds, and which of its entries is meant."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..errors import SpecInvError, near_miss
from .plain_array import PlainArray

#: How deep, and at how many entries, an array is looked for where no key is given.
_MOST_LEVELS, _MOST_ENTRIES = 16, 20_000
#: How many entries an error lists.
_LISTED = 20
#: What shapes a spectrogram has, the likeliest first. MATLAB's vectors and numbers are matrices.
_LIKELY: tuple[Callable[[tuple[int, ...]], bool], ...] = (
    lambda shape: sum(size > 1 for size in shape) >= 2,
    lambda shape: len(shape) >= 2 and max(shape) > 1,
    lambda shape: max(shape, default=0) > 1,
    lambda shape: len(shape) >= 1,
)


@dataclass(frozen=True)
class Stored:
    """An array of numbers that has not been read yet."""

    shape: tuple[int, ...]
    load: Callable[[], NDArray[Any] | Tensor]
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    plain: PlainArray | None = None
    """Where it lies in the file, if its numbers are there as they are."""


@dataclass(frozen=True)
class Refused:
    """An entry that is no array, or one that is not read."""

    why: str


class Group(Mapping[str, Any]):
    """Entries by name that are looked at when they are asked for, and attributes."""

    def __init__(
        self,
        names: Iterable[str],
        get: Callable[[str], Any],
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        self._names = dict.fromkeys(names)
        self._get = get
        self.attributes = attributes or {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        return self._get(name)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass(frozen=True)
class Found:
    """An entry, its key, and what it lies in, from the whole file inwards."""

    key: str
    entry: Any
    around: tuple[Any, ...] = ()

    def inside(self, name: str, entry: Any) -> Found:
        """Return an entry of this one."""
        key = f"{self.key}/{name}" if self.key else name
        return Found(key, entry, (*self.around, self.entry))


def find(content: Any, key: str | None, path: Path) -> Found:
    """Find the one array that is meant; it has not been read yet, and may be :class:`Refused`."""
    found = Found("", content)
    if key is not None:
        if children(content) is None:
            raise SpecInvError(f"{path} holds one array without a name: leave out --key.")
        named = _descend(found, key) or _descend(found, key.strip("/"))
        if named is None:
            listed = _arrays(found, path)
            hint = near_miss(key, [each.key for each in listed])
            raise SpecInvError(f"{path} does not hold {key!r}.{hint} {_choices(listed)}")
        found = named
    if children(found.entry) is not None:
        found = _only_array(found, path)
    return found


def children(entry: Any) -> Mapping[str, Any] | None:
    """Return the entries of a container by name, or None of anything else."""
    if isinstance(entry, Group):
        return entry
    if isinstance(entry, Mapping):
        return {str(name): each for name, each in cast(Mapping[Any, Any], entry).items()}
    if isinstance(entry, (list, tuple)):
        return {str(i): each for i, each in enumerate(cast(list[Any], entry))}
    return None


def shape_of(entry: Any) -> tuple[int, ...] | None:
    """Return the shape of an array of numbers, or None of anything else."""
    if isinstance(entry, (Stored, Tensor)):
        return tuple(entry.shape)
    if isinstance(entry, np.ndarray) and entry.dtype.kind in "biufc":
        return entry.shape
    return None


def _descend(found: Found, key: str) -> Found | None:
    """Follow a key; a name may hold slashes itself, so long names are tried first."""
    inside = children(found.entry)
    parts = key.split("/")
    for count in range(len(parts), 0, -1) if inside is not None else ():
        name = "/".join(parts[:count])
        if inside is not None and name in inside:
            child = found.inside(name, inside[name])
            rest = "/".join(parts[count:])
            end = child if not rest else _descend(child, rest)
            if end is not None:
                return end
    return None


def _only_array(found: Found, path: Path) -> Found:
    """Return the only array that can be a spectrogram."""
    listed = _arrays(found, path)
    numbers = [each for each in listed if shape_of(each.entry) is not None]
    for fits in _LIKELY:
        likely = [each for each in numbers if fits(shape_of(each.entry) or ())]
        if len(likely) == 1:
            return likely[0]
        if likely:
            break
    where = f"{path}, {found.key}," if found.key else f"{path}"
    if not listed:
        raise SpecInvError(f"{where} holds no arrays: {_described(found.entry)}.")
    if len(listed) == 1 and isinstance(listed[0].entry, Refused):
        return listed[0]
    many = "several arrays" if len(numbers) > 1 else "no spectrogram that could be meant"
    raise SpecInvError(f"{where} holds {many}. {_choices(listed)}")


def _arrays(found: Found, path: Path) -> list[Found]:
    """Return all arrays in a container."""
    listed: list[Found] = []
    for count, each in enumerate(_walk(found)):
        if count == _MOST_ENTRIES:
            raise SpecInvError(
                f"{path} holds more than {_MOST_ENTRIES} entries: choose one with --key."
            )
        if isinstance(each.entry, (Stored, Refused, Tensor, np.ndarray)):
            listed.append(each)
    return listed


def _walk(found: Found) -> Generator[Found]:
    """Yield what is in a container; one that holds itself has no end, so levels are limited."""
    waiting = deque([found])
    while waiting:
        outer = waiting.popleft()
        inside = children(outer.entry)
        if inside is None or len(outer.around) >= _MOST_LEVELS:
            continue
        for name in inside:
            inner = outer.inside(name, inside[name])
            yield inner
            waiting.append(inner)


def _choices(listed: list[Found]) -> str:
    texts = [f"{each.key} ({_described(each.entry)})" for each in listed[:_LISTED]]
    more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    return f"Choose with --key one of {', '.join(texts)}{more}." if texts else "It has no arrays."


def _described(entry: Any) -> str:
    """Say in a few words what an entry is."""
    shape = shape_of(entry)
    if shape is not None:
        return " x ".join(map(str, shape)) or "one number"
    if isinstance(entry, Refused):
        return entry.why
    if isinstance(entry, np.ndarray):
        return f"an array of {entry.dtype}"
    inside = children(entry)
    if inside is not None:
        return f"{len(inside)} entries"
    return f"a {type(entry).__name__}"


def whole_number(value: Any) -> int | None:
    """Return a whole number, from whatever files keep one in, or None of anything else."""
    shape = shape_of(value)
    if shape is not None:
        if not 1 <= math.prod(shape) <= _MOST_ENTRIES:
            return None
        array = value.load() if isinstance(value, Stored) else value
        numbers: Any = np.unique(np.asarray(array.tolist()))  # a table repeats it in each row
        value = numbers.item() if numbers.size == 1 else None
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    if isinstance(value, (bool, complex)) or value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return int(number) if number.is_integer() else None
