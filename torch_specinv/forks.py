"""What a child needs that is forked amid another thread's call, as workers of a DataLoader may be.

The child has a copy of every lock, but none of the threads that would release them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Lock
from typing import Any, Generic, Self, TypeVar, overload

_T = TypeVar("_T")


class cached_property(Generic[_T]):  # noqa: N801, it stands in the place of functools'
    """Like :func:`functools.cached_property`, without a lock, which that has up to Python 3.11.

    Two threads that ask at once may both compute the value; one of them is kept.
    """

    def __init__(self, compute: Callable[[Any], _T]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None) -> _T: ...
    def __get__(self, instance: object | None, owner: type | None = None) -> _T | Self:
        if instance is None:
            return self
        return instance.__dict__.setdefault(self._name, self._compute(instance))


def lock_for_forks() -> Lock:
    """Return a lock that no child is born with in another thread's hands; for a whole process."""
    lock = Lock()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
        )
    return lock
