"""How far a corpus is, on a line of its own."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence

from .rows import DONE, Row

#: Seconds between lines, on a terminal and in a file.
_PERIODS = (1.0, 30.0)


class Progress:
    """Counts items, hours of audio and failures, and says how long the rest will take.

    Parameters
    ----------
    total : int
        Items that are to be inverted.
    visible : bool
        Whether anything is said.
    """

    def __init__(self, total: int, *, visible: bool) -> None:
        self.total, self._visible = total, visible
        self.counts: Counter[str] = Counter()
        self.audio = 0.0
        self.first: float | None = None
        self._began = time.perf_counter()
        self._terminal = sys.stderr is not None and sys.stderr.isatty()
        self._said = self._began

    @property
    def items(self) -> int:
        """How many items there are rows of."""
        return self.counts.total()

    @property
    def seconds(self) -> float:
        """How long it has taken."""
        return time.perf_counter() - self._began

    def add(self, rows: Sequence[Row]) -> None:
        """Count rows, and say how far it is if that was not said lately."""
        if self.first is None and rows:
            self.first = self.seconds
        for row in rows:
            self.counts[row["status"]] += 1
            if row["status"] == DONE:
                self.audio += row["samples"] / row["sr"]
        now = time.perf_counter()
        if self._visible and now - self._said > _PERIODS[not self._terminal]:
            self._said = now
            print(f"\r{self}" if self._terminal else self, end="" if self._terminal else "\n",
                  file=sys.stderr, flush=True)  # fmt: skip

    def end(self) -> None:
        """Leave the line."""
        if self._visible and self._terminal:
            print(f"\r{self}", file=sys.stderr)

    def __str__(self) -> str:
        seconds, failed = self.seconds, self.items - self.counts[DONE]
        left = (self.total - self.items) * seconds / max(self.items, 1)
        return (
            f"{self.items:,} of {self.total:,} items, {self.audio / 3600:.2f} h of audio, "
            f"{self.audio / max(seconds, 1e-9):.0f} x real time, {clock(left)} left, "
            f"{failed:,} failed   "
        )


def clock(seconds: float) -> str:
    """Return a duration as hours, minutes and seconds."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
