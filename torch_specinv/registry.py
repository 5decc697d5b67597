"""Things known by name: algorithms, initial phases, metrics, engines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from .errors import SpecInvError, check_choice, check_name

_T = TypeVar("_T")
_U = TypeVar("_U")


class Registry(dict[str, _T]):
    """A dictionary of names that knows how to complain about one that it does not hold.

    Parameters
    ----------
    argument : str
        The argument with which a user chooses from it, for messages.
    """

    def __init__(self, argument: str) -> None:
        super().__init__()
        self.argument = argument

    def register(self, name: str) -> Callable[[_U], _U]:
        """Return a decorator that adds its object under `name` and leaves it unchanged.

        Running a notebook's cell again replaces the object; another object's name is taken.
        """
        check_name("name", name)

        def keep(item: Any) -> Any:
            function = callable(item)
            if not function:
                raise SpecInvError(
                    f"{self.argument} {name!r} is a {type(item).__name__}: expected a function "
                    "or a class."
                )
            present = self.get(name)
            if present is not None and _origin(present) != _origin(item):
                raise SpecInvError(
                    f"{self.argument} {name!r} exists already ({'.'.join(_origin(present))}): "
                    "choose another name."
                )
            self[name] = cast(_T, item)
            return item

        return keep

    def named(self, name: Any, argument: str | None = None) -> _T:
        """Return what is called `name`, or raise with the near misses."""
        return self[check_choice(argument or self.argument, name, self)]


def _origin(item: Any) -> tuple[str, str]:
    """Say where a class or function was defined."""
    return getattr(item, "__module__", ""), getattr(item, "__qualname__", repr(item))
