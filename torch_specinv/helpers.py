"""Threads that help the one that calls, and functions that make do without them.

They are no pool of :mod:`concurrent.futures`, which takes no more work once the interpreter is
about to exit. Where no thread can be started, then or because the system has none left, the thread
that calls does the work itself.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import Any, Self, TypeVar

_T = TypeVar("_T")


class Helpers:
    """A few threads that run functions, until the block of ``with`` is left.

    Parameters
    ----------
    size : int
        The most threads to start.
    prepare : callable, optional
        Called in each of them first.
    """

    def __init__(self, size: int, prepare: Callable[[], Any] | None = None) -> None:
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads: list[Thread] = []
        for _ in range(size):
            # a daemon, so that it never keeps the interpreter from exiting
            thread = Thread(target=_work, args=(self._tasks, prepare), daemon=True)
            try:
                thread.start()
            except RuntimeError:
                break
            self._threads.append(thread)

    def submit(self, function: Callable[[], _T]) -> Future[_T]:
        """Let a thread run a function; where there is none, it is run before this returns."""
        future: Future[_T] = Future()

        def task() -> None:
            try:
                future.set_result(function())
            except BaseException as error:
                future.set_exception(error)

        if self._threads:
            self._tasks.put(task)
        else:
            future.set_result(function())
        return future

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for _thread in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()


def _work(tasks: SimpleQueue[Callable[[], None] | None], prepare: Callable[[], Any] | None) -> None:
    """Do what is asked for until there is no more."""
    if prepare is not None:
        prepare()
    while (task := tasks.get()) is not None:
        task()
        del task  # it would hold on to what it used
