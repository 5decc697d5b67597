"""What tells one setting from another, as JSON can hold it: the same in every process."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Mapping
from pathlib import PurePath
from types import FunctionType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import SpecInvError
from ..transform.fingerprint import digest

#: What is told by its text, which says all of it.
_BY_TEXT = (PurePath, torch.dtype, torch.device, torch.layout, torch.memory_format)


def told(value: Any) -> Any:
    """Return what tells a setting from others, the same in every process.

    A function is told by its name, its defaults and the variables that it uses of the function
    around it; what its code does is not looked at.

    Raises
    ------
    SpecInvError
        If an object shows nothing of what it holds: a run with another one would be taken for the
        same.
    """
    return _told(value, frozenset())


def _told(value: Any, around: frozenset[int]) -> Any:
    if id(value) in around:  # of an object that leads back to itself
        return "itself"
    if isinstance(value, np.generic):
        return _told(value.item() if not isinstance(value, np.void) else str(value), around)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Tensor):
        return digest(value)
    if isinstance(value, np.ndarray):
        return _told(value.tolist(), around)
    if isinstance(value, _BY_TEXT):
        return str(value)
    around |= {id(value)}
    if isinstance(value, Mapping):
        return {str(name): _told(value[name], around) for name in sorted(value, key=str)}
    if isinstance(value, (list, tuple)):
        return [_told(each, around) for each in value]
    if isinstance(value, (set, frozenset)):
        return sorted((_told(each, around) for each in value), key=repr)
    if isinstance(value, type):
        return _name(value)
    if callable(value) and (function := _function(value, around)) is not None:
        return function
    return _object(value, around)


def _name(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"


def _function(value: Any, around: frozenset[int]) -> Any:
    """Return what tells a function; None of an object that can be called."""
    if isinstance(value, functools.partial):
        parts = {"func": value.func, "args": value.args, "keywords": value.keywords}
        return {"class": "partial", **_told(parts, around)}
    if inspect.ismethod(value):
        return {"method": value.__qualname__, "of": _told(value.__self__, around)}
    if not hasattr(value, "__qualname__"):
        return None
    uses: dict[str, Any] = {}
    if isinstance(value, FunctionType):
        names = value.__code__.co_freevars
        uses = {
            name: _variable(cell, around)
            for name, cell in zip(names, value.__closure__ or (), strict=True)
        }
        if value.__defaults__ or value.__kwdefaults__:
            given = [value.__defaults__ or (), value.__kwdefaults__ or {}]
            uses["its defaults"] = _variable_of(given, around)
    return {"function": _name(value), **uses} if uses else _name(value)


def _variable(cell: Any, around: frozenset[int]) -> Any:
    try:
        return _variable_of(cell.cell_contents, around)
    except ValueError:  # not set yet
        return None


def _variable_of(value: Any, around: frozenset[int]) -> Any:
    """Return what tells a variable of a function; it may be a lock, which shows nothing."""
    if inspect.ismodule(value):
        return value.__name__
    try:
        return _told(value, around)
    except SpecInvError:
        return type(value).__qualname__


def _object(value: Any, around: frozenset[int]) -> Any:
    """Return what tells an object: its fields, or what it says of itself."""
    kind = type(value)
    if dataclasses.is_dataclass(value):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return {"class": kind.__qualname__, **_told(fields, around)}
    slots = [
        name
        for base in kind.__mro__
        for name in _names(vars(base).get("__slots__", ()))
        if name not in ("__dict__", "__weakref__") and hasattr(value, name)
    ]
    fields = {name: getattr(value, name) for name in slots} | getattr(value, "__dict__", {})
    if fields or (hasattr(value, "__dict__") and kind.__repr__ is object.__repr__):
        return {"class": kind.__qualname__, **_told(fields, around)}
    text = repr(value)
    if f"{id(value):x}" in text.lower():
        raise SpecInvError(
            f"{text} is a setting that shows nothing of what it holds, so that a run with another "
            "one would be taken for the same: pass a dataclass, or an object with attributes."
        )
    return {"class": kind.__qualname__, "value": text}


def _names(slots: Any) -> tuple[str, ...]:
    return (slots,) if isinstance(slots, str) else tuple(slots)
