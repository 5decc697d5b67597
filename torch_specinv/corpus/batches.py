"""Which items are inverted, and in which batches: those of like length come together."""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import IO

import numpy as np

from ..errors import SpecInvError
from .finished import Earlier
from .item import Item, key_number, read_items, write_items

#: Items that are sorted by length at a time.
_WINDOW = 2048
_SHOWN = 3


class Plan:
    """Batches of items that wait in a file, so that any number of them takes no memory.

    Attributes
    ----------
    found : int
        Items of the input.
    finished : int
        Those that an earlier run finished.
    items : int
        Those that are to be inverted.
    """

    def __init__(self) -> None:
        self.found = self.finished = self.items = self.batches = 0
        self.bytes = 0
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="specinv-")  # noqa: SIM115

    def add(self, batch: Sequence[Item]) -> None:
        """Put a batch at the end."""
        self._file.write(f"{write_items(list(batch))}\n".encode())
        self.items += len(batch)
        self.batches += 1
        self.bytes += sum(item.size for item in batch)

    def lines(self) -> Iterator[str]:
        """Yield batches as lines of text."""
        place = 0
        while True:
            self._file.seek(place)
            line = self._file.readline()
            if not line:
                return
            place += len(line)
            yield line.decode()

    def __iter__(self) -> Iterator[list[Item]]:
        return map(read_items, self.lines())

    def close(self) -> None:
        """Delete the file."""
        self._file.close()


def make_plan(
    items: Iterable[Item],
    finished: Earlier,
    *,
    size: int,
    part: tuple[int, int] = (1, 1),
    limit: int | None = None,
) -> Plan:
    """Choose what is to be inverted, in batches of `size` items.

    Parameters
    ----------
    items : iterable of Item
        All items of the input.
    finished : Earlier
        What is left out.
    size : int
        Items of a batch.
    part : tuple of int
        (i, n): of n parts the i-th, from 1. Which items it has depends on their keys alone.
    limit : int, optional
        No more items than that.

    Raises
    ------
    SpecInvError
        If two items have the same key.
    """
    plan, keys = Plan(), array("q")
    index, count = part

    def wanted() -> Iterator[Item]:
        for item in items:
            number = key_number(item.key)
            if number % count != index - 1:
                continue
            keys.append(number)
            plan.found += 1
            if item in finished:
                plan.finished += 1
            else:
                yield item

    rest = islice(wanted(), limit)
    try:
        while window := list(islice(rest, _WINDOW)):
            for batch in _batches(window, size):
                plan.add(batch)
        _check_keys(keys, plan)
    except BaseException:
        plan.close()
        raise
    return plan


def _batches(window: list[Item], size: int) -> Iterator[list[Item]]:
    """Cut items into batches: the longest first, rows and members of shards as they lie there."""
    window.sort(key=_order)
    for first in range(0, len(window), size):
        yield window[first : first + size]


def _order(item: Item) -> tuple[bool, str, int]:
    in_shard = item.kind in ("row", "member")
    return in_shard, "" if in_shard else item.kind, 0 if in_shard else -item.size


def _check_keys(keys: array[int], plan: Plan) -> None:
    """Raise if two items would be written under one name."""
    numbers = np.sort(np.frombuffer(keys, np.int64)) if keys else np.empty(0, np.int64)
    twice = set(numbers[1:][numbers[1:] == numbers[:-1]][:_SHOWN].tolist())
    if not twice:
        return
    places: dict[str, list[str]] = {}
    for batch in plan:
        for item in batch:
            if key_number(item.key) in twice:
                places.setdefault(item.key, []).append(item.told)
    told = "; ".join(f"{key}: {', '.join(some[:_SHOWN])}" for key, some in places.items())
    raise SpecInvError(
        f"several items have the same output name ({told}). Keep the suffixes in names with "
        "full_names=True (--full-names), or pass a list of items with a column key."
    )
