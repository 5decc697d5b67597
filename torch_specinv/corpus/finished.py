"""Which items are finished: 24 bytes are kept of each, however many there are."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator

import numpy as np

from .filing import Files
from .item import Item, key_number
from .journal import all_rows
from .rows import DONE, OF_MACHINE, Row


class Earlier:
    """What an earlier run finished.

    Parameters
    ----------
    rows : iterable of dict
        The rows of the journals; of several of one item the last one counts.
    settings : str
        The digest of the settings; what was made with others is not finished.
    retry : bool
        Whether items that failed are tried again. Those that failed for the machine always are.
    """

    def __init__(self, rows: Iterable[Row], settings: str, *, retry: bool) -> None:
        keys, stamps, good = array("q"), array("q"), array("b")
        for row in rows:
            keys.append(key_number(row["key"]))
            stamps.append(_stamp(row.get("stamp", ""), row.get("inside", "")))
            done = row["status"] == DONE
            kept = done or not (retry or row.get("fault") == OF_MACHINE)
            good.append((1 + done) if kept and row.get("settings") == settings else 0)
        numbers = np.frombuffer(keys, np.int64) if keys else np.empty(0, np.int64)
        # a stable sort, of which the last of equal keys is the latest row
        order = np.argsort(numbers, kind="stable")
        numbers = numbers[order]
        last = np.ones(len(numbers), bool)
        last[:-1] = numbers[1:] != numbers[:-1]
        self._keys = numbers[last]
        self._stamps = np.array(stamps, np.int64)[order][last]
        self._good = np.array(good, np.int8)[order][last]

    @property
    def done(self) -> int:
        """How many items have a waveform."""
        return int((self._good == 2).sum())

    def __len__(self) -> int:
        return int((self._good > 0).sum())

    def __contains__(self, item: Item) -> bool:
        """Whether an item is finished, and its file has not changed since."""
        number = key_number(item.key)
        at = int(np.searchsorted(self._keys, number))
        if at >= len(self._keys) or self._keys[at] != number or not self._good[at]:
            return False
        return bool(self._stamps[at] == _stamp(item.stamp, item.inside))


def latest(rows: Iterable[Row]) -> Iterator[bool]:
    """Yield for each row whether it is the last one of its item."""
    keys = array("q", (key_number(row["key"]) for row in rows))
    numbers = np.frombuffer(keys, np.int64) if keys else np.empty(0, np.int64)
    order = np.argsort(numbers, kind="stable")
    is_last = np.ones(len(numbers), bool)
    is_last[order[:-1]] = numbers[order[1:]] != numbers[order[:-1]]
    for value in is_last:
        yield bool(value)


def latest_rows(files: Files, folder: str) -> Iterator[Row]:
    """Yield the last row of each item, from all journals of an output."""
    last = [*latest(all_rows(files, folder))]
    # more may have been written by other runs since
    for row, is_last in zip(all_rows(files, folder), last, strict=False):
        if is_last:
            yield row


def _stamp(stamp: str, inside: str) -> int:
    return key_number(f"{stamp} {inside}")
