"""Which items are finished: 24 bytes are kept of each, however many there are."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from .filing import Files
from .item import Item, key_number
from .journal import journals, rows_of
from .rows import DONE, OF_MACHINE, RUN, Row, measured_names


class Earlier:
    """What an earlier run finished.

    Parameters
    ----------
    rows : iterable of dict
        The rows of the journals; of several of one item the last one of the latest run counts.
    settings : str
        The digest of the settings; what was made with others is not finished.
    retry : bool
        Whether items that failed are tried again. Those that failed for the machine always are.
    """

    def __init__(self, rows: Iterable[Row], settings: str, *, retry: bool) -> None:
        keys, runs, stamps, good = array("q"), array("i"), array("q"), array("b")
        for row in rows:
            keys.append(key_number(row["key"]))
            runs.append(row.get(RUN, 0))
            stamps.append(_stamp(row.get("stamp", ""), row.get("inside", "")))
            done = row["status"] == DONE
            kept = done or not (retry or row.get("fault") == OF_MACHINE)
            good.append((1 + done) if kept and row.get("settings") == settings else 0)
        last = _last(keys, runs)
        self._keys = np.array(keys, np.int64)[last]
        self._stamps = np.array(stamps, np.int64)[last]
        self._good = np.array(good, np.int8)[last]

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


class Latest:
    """The latest row of each item, from all journals of an output.

    It goes through the journals twice, so that no rows are kept. What other runs add meanwhile is
    left out.

    Parameters
    ----------
    files : Files
        The file system of the output.
    folder : str
        The output.
    """

    def __init__(self, files: Files, folder: str) -> None:
        self._files = files
        keys, runs, ends = array("q"), array("i"), dict[str, int]()
        names: dict[str, None] = {}
        for path in journals(files, folder):
            for row in rows_of(files, path):
                keys.append(key_number(row["key"]))
                runs.append(row.get(RUN, 0))
                names.update(dict.fromkeys(measured_names(row)))
            ends[path] = len(keys)
        is_latest = np.zeros(len(keys), bool)
        is_latest[_last(keys, runs)] = True
        parts = np.split(is_latest, [*ends.values()])
        self._flags: dict[str, NDArray[np.bool_]] = dict(zip(ends, parts, strict=False))
        self.names = sorted(names)
        """The names of metrics."""
        self.count = int(is_latest.sum())
        """How many items there are."""

    def __iter__(self) -> Iterator[Row]:
        for path, flags in self._flags.items():
            for row, is_latest in zip(rows_of(self._files, path), flags, strict=False):
                if is_latest:
                    yield row


def _last(keys: array[int], runs: array[int]) -> NDArray[np.intp]:
    """Return where the latest rows of items are, ordered by their keys."""
    numbers = np.array(keys, np.int64)
    # a stable sort: of equal keys the last one is the last row of the latest run
    order = np.lexsort((np.array(runs, np.int32), numbers))
    numbers = numbers[order]
    is_last = np.ones(len(numbers), bool)
    is_last[:-1] = numbers[1:] != numbers[:-1]
    return order[is_last]


def _stamp(stamp: str, inside: str) -> int:
    return key_number(f"{stamp} {inside}")
