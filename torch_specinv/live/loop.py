"""The loop: blocks are taken as they come, and samples are there in time, or silence is."""

from __future__ import annotations

import queue
import signal
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Self

import torch
from torch import Tensor

from .chains import Chain

# How long to wait before looking whether the user wants to end, in seconds
_LOOK = 0.1
# Blocks that may wait, so that a fast source does not fill the memory
_WAITING = 64
# Blocks whose times are kept for the report
_KEPT = 100_000


@dataclass
class LiveReport:
    """What happened, as far as it has gone."""

    blocks: int = 0
    samples: int = 0
    underruns: int = 0
    """Times when samples were due and not there: as many blocks of silence."""
    computing: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))
    """Seconds of computing for each block."""
    waiting: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))
    """Seconds from the arrival of each block until its samples were ready."""


def quantile(seconds: Iterable[float], share: float) -> float:
    """Return what this share of some times does not exceed; 0 if there are none."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Stop:
    """Whether the user wants to end: the first Ctrl-C ends the input, a second one the program."""

    def __init__(self) -> None:
        self.asked = False
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True
        signal.signal(signal.SIGINT, self._before)


def live(
    source: Iterable[Tensor],
    chain: Chain,
    report: LiveReport,
    stop: Stop,
    *,
    pace: float | None = None,
    ahead: int = 2,
) -> Iterator[Tensor]:
    """Yield finished samples as blocks come in.

    Parameters
    ----------
    source : iterable of Tensor
        The blocks. They are fetched in a thread of their own.
    chain : Chain
        What is done with a block.
    report : LiveReport
        Is kept up to date.
    stop : Stop
        Asked before each block; then the input ends, and what is active is finished.
    pace : float, optional
        Seconds that a block lasts, where the sink has no clock of its own: samples that are not
        there when they are due count as an underrun, and are replaced by silence. Default: nothing
        is ever due.
    ahead : int, default 2
        Blocks that are waited for before the clock starts.

    Yields
    ------
    Tensor
        Shape (samples,).
    """
    chain.stream.warm_up()
    arrivals = _fetch(source)
    silence = torch.zeros(chain.stream.hop_length)
    due = None
    while not stop.asked:
        now = time.perf_counter()
        if pace is not None and due is not None and now > due:
            report.underruns += 1
            due += pace
            yield silence
            continue
        left = _LOOK if due is None else min(_LOOK, due - now)
        try:
            arrival = arrivals.get(timeout=left)
        except queue.Empty:
            continue
        if arrival is None:
            break
        if isinstance(arrival, BaseException):
            raise arrival
        arrived, block = arrival
        begun = time.perf_counter()
        samples = chain.push(block)
        now = time.perf_counter()
        report.blocks += 1
        report.computing.append(now - begun)
        report.waiting.append(now - arrived)
        if not len(samples):
            continue
        if pace is not None:
            due = now + ahead * pace if due is None else due
            while now > due:
                report.underruns += 1
                due += pace
                yield silence
            due += pace * len(samples) / len(silence)
        report.samples += len(samples)
        yield samples
    rest = chain.flush()
    report.samples += len(rest)
    yield rest


def _fetch(source: Iterable[Tensor]) -> queue.Queue[Any]:
    """Return the queue into which a thread puts (time, block), then None, or what was raised."""
    arrivals: queue.Queue[Any] = queue.Queue(_WAITING)

    def fetch() -> None:
        try:
            for block in source:
                arrivals.put((time.perf_counter(), block))
            arrivals.put(None)
        except BaseException as error:  # is raised where it can be told
            arrivals.put(error)

    threading.Thread(target=fetch, daemon=True).start()
    return arrivals
