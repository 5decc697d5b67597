"""Keywords that several losses share are listed once, and passed through as ``**keywords``."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

from torch import Tensor

Function = TypeVar("Function", bound=Callable[..., Tensor])


def keywords_of(source: Callable[..., Any], **defaults: Any) -> Callable[[Function], Function]:
    """Give a loss the keywords of `source` for its ``**keywords``, with other defaults for some.

    The signature shows them. They come in the order of the source, at the place of the first one
    that the loss spells out itself, such as to allow another type. The loss is called with all
    that it does not spell out.
    """
    shared = dict(inspect.signature(source).parameters)
    for tensor in ("x", "y"):
        shared.pop(tensor, None)

    def decorate(function: Function) -> Function:
        signature = inspect.signature(function)
        own = {p.name: p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD}
        passed = {
            name: p.replace(kind=p.KEYWORD_ONLY, default=defaults.get(name, p.default))
            for name, p in shared.items()
            if name not in own
        }
        before = list(own)
        while not shared.keys().isdisjoint(before):
            before.pop()
        names = dict.fromkeys([*before, *shared, *own])
        shown = {name: own.get(name) or passed[name] for name in names}
        filled = {name: p.default for name, p in passed.items()}

        @functools.wraps(function)
        def checked(*tensors: Tensor, **given: Any) -> Tensor:
            return function(*tensors, **{**filled, **given})

        checked.__dict__["__signature__"] = signature.replace(parameters=list(shown.values()))
        return cast("Function", checked)

    return decorate
