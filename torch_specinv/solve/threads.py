"""Python threads that share the chunks of a trip.

An operation on a chunk is over before a second thread inside it would have begun: with torch's
own threads a trip takes twice as long as with one. Whole chunks are worth dividing, and as
operations release the interpreter, Python's threads do.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

import torch

_T = TypeVar("_T")
#: Calls functions at the same time and returns what they return.
Workers = Callable[[Sequence[Callable[[], _T]]], list[_T]]


class _Threads:
    """How many threads torch had before the first of all teams that are at work."""

    def __init__(self) -> None:
        self._lock, self._holders, self._before = Lock(), 0, 1

    def take(self) -> None:
        """Let this thread have one thread inside torch."""
        with self._lock:
            # what a thread is told that begins while a team is at work is that team's number
            if self._holders == 0:
                self._before = torch.get_num_threads()
            self._holders += 1
            torch.set_num_threads(1)

    def give_back(self) -> None:
        """Let it have as many as before."""
        with self._lock:
            self._holders -= 1
            torch.set_num_threads(self._before)


_THREADS = _Threads()


@contextmanager
def worker_threads(size: int) -> Generator[Workers[_T]]:
    """Yield a team of `size` threads, this one among them, each with one thread inside torch.

    The number of torch's threads is what it was afterwards.
    """
    inference = torch.is_inference_mode_enabled()

    def job(function: Callable[[], _T]) -> _T:
        # what a thread may do with tensors is its own affair
        with torch.inference_mode(inference), torch.no_grad():
            return function()

    _THREADS.take()
    try:
        if size == 1:
            yield lambda functions: [job(function) for function in functions]
            return
        with ThreadPoolExecutor(size - 1, initializer=torch.set_num_threads, initargs=(1,)) as pool:

            def share(functions: Sequence[Callable[[], _T]]) -> list[_T]:
                others = [pool.submit(job, function) for function in functions[1:]]
                try:
                    return [job(functions[0]), *(other.result() for other in others)]
                finally:
                    others.clear()  # an error in one of them would hold on to what it used

            yield share
    finally:
        _THREADS.give_back()
