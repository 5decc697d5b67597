"""Python threads that share the chunks of an iteration.

An operation on one chunk is so short that starting torch's own threads for it takes longer than it
does: an iteration then takes twice as long as with one thread. So each thread works on whole
chunks. Python's threads will do, as torch's operations release the interpreter.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import TypeVar

import torch

from ..helpers import Helpers

_T = TypeVar("_T")
#: Calls functions at the same time and returns what they return.
Workers = Callable[[Sequence[Callable[[], _T]]], list[_T]]


class _Threads:
    """Counts who has set torch to one thread, and remembers how many there were before."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew, as a forked child does, in which nobody of the parent's threads lives on."""
        self._lock, self._holders, self._before = Lock(), 0, 1

    def take(self) -> None:
        """Set torch to one thread."""
        with self._lock:
            # while others hold it the number is 1, and not what it was before
            if self._holders == 0:
                self._before = torch.get_num_threads()
            self._holders += 1
            torch.set_num_threads(1)

    def give_back(self) -> None:
        """Set torch back to as many threads as before the first :meth:`take`."""
        with self._lock:
            self._holders -= 1
            torch.set_num_threads(self._before)


_THREADS = _Threads()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_THREADS.forget)


@contextmanager
def worker_threads(size: int) -> Generator[Workers[_T]]:
    """Yield a function that runs others in `size` threads, of which the calling one is the first.

    Inside, torch uses one thread for each. Afterwards its number of threads is what it was before.
    """
    inference = torch.is_inference_mode_enabled()

    def job(function: Callable[[], _T]) -> _T:
        # these modes hold for one thread only
        with torch.inference_mode(inference), torch.no_grad():
            return function()

    _THREADS.take()
    try:
        if size == 1:
            yield lambda functions: [job(function) for function in functions]
            return
        with Helpers(size - 1, partial(torch.set_num_threads, 1)) as helpers:

            def share(functions: Sequence[Callable[[], _T]]) -> list[_T]:
                others = [helpers.submit(partial(job, function)) for function in functions[1:]]
                try:
                    return [job(functions[0]), *(other.result() for other in others)]
                finally:
                    others.clear()  # an error in one of them would hold on to what it used

            yield share
    finally:
        _THREADS.give_back()
