"""What a user's own functions and classes give back, checked in one place before it is used.

A phase, a rule, a constraint, a metric, a loss or a transform that was registered or passed may
return anything, and may write into what it gets. The package's own ones are trusted: nothing is
asked of their results, which would cost time in each iteration. Neither is any result read where
a device would have to be waited for, unless `finite` says so.
"""

from __future__ import annotations

import copy
import types
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

from .checks import check_finite
from .errors import SpecInvError

_T = TypeVar("_T")
_PACKAGE = __name__.partition(".")[0]


def is_foreign(thing: Any) -> bool:
    """Whether a function, a class or an object of one was not made by this package."""
    while isinstance(thing, partial):
        thing = cast(Any, thing).func
    if not isinstance(thing, (type, types.FunctionType, types.MethodType)):
        thing = cast(Any, type(thing))
    module = getattr(thing, "__module__", None) or ""
    return module.partition(".")[0] != _PACKAGE


def name_of(thing: Any) -> str:
    """Return what to call a function or an object in a message."""
    return str(getattr(thing, "__qualname__", type(thing).__qualname__)).rpartition("<locals>.")[2]


def check_returned(
    value: Any,
    label: str,
    shape: Iterable[int] | None,
    like: Tensor,
    *,
    complex_: bool | None = False,
    finite: bool = False,
    meaning: str = "",
) -> Tensor:
    """Return what a user's function returned as a tensor that can be computed with, or raise.

    Parameters
    ----------
    value : Any
        What it returned.
    label : str
        What to call it in a message, such as "init 'mine'".
    shape : iterable of int or None
        What is expected; None where the first dimension alone has to be that of `like`.
    like : Tensor
        On whose device, and in whose precision, it has to be.
    complex_ : bool or None, default False
        Whether it has to be complex, or real; None where it may have any dtype, and keeps it.
    finite : bool, default False
        Whether to look at every value, for which a device has to be waited for.
    meaning : str, default ""
        What the expected shape means.
    """
    if not isinstance(value, Tensor):
        hint = " Pass it through torch.from_numpy." if hasattr(value, "__array__") else ""
        raise SpecInvError(
            f"{label} returned a {type(value).__name__}: expected a torch.Tensor.{hint}"
        )
    if value.layout is not torch.strided or value.is_nested:
        raise SpecInvError(f"{label} returned a tensor that is not dense: use to_dense().")
    wanted = None if shape is None else tuple(shape)
    if wanted is None and (value.ndim == 0 or len(value) != len(like)):
        raise SpecInvError(
            f"{label} returned shape {tuple(value.shape)}: expected {len(like)} items in the "
            "first dimension, one for each of the batch."
        )
    if wanted is not None and tuple(value.shape) != wanted:
        meaning = f", {meaning}" if meaning else ""
        raise SpecInvError(
            f"{label} returned shape {tuple(value.shape)}: expected {wanted}{meaning}."
        )
    if value.device != like.device:
        raise SpecInvError(f"{label} returned a tensor on {value.device}: expected {like.device}.")
    if complex_ is not None:
        if value.is_complex() != complex_ or not (complex_ or value.is_floating_point()):
            kind = "complex" if complex_ else "real floating"
            hint = " Its .abs(), or .angle()?" if value.is_complex() else ""
            raise SpecInvError(f"{label} returned {value.dtype}: expected {kind} numbers.{hint}")
        real = like.dtype.to_real()
        value = value.to(real.to_complex() if complex_ else real)
    if finite:
        check_finite(value, f"what {label} returned")
    return value.resolve_conj().resolve_neg()


def check_tuple(value: Any, label: str, like: Tensor) -> tuple[Tensor, ...]:
    """Return a tuple of tensors with as many items as `like`, in whatever dtypes, or raise."""
    if not isinstance(value, (tuple, list)):
        raise SpecInvError(
            f"{label} returned a {type(value).__name__}: expected a tuple of tensors."
        )
    items = tuple(cast(Iterable[Any], value))
    return tuple(
        check_returned(item, f"{label}, item {i}", None, like, complex_=None)
        for i, item in enumerate(items)
    )


@contextmanager
def calling(label: str, *arguments: Any) -> Generator[None]:
    """Name a user's function in what it raises, and raise if it writes into tensors it is given.

    Writing is seen by the version that torch counts, without a look at any value.
    """
    tensors = [x for x in arguments if isinstance(x, Tensor) and not x.is_inference()]
    before = [_version(x) for x in tensors]
    try:
        yield
    except Exception as error:
        if not isinstance(error, SpecInvError) and not getattr(error, "__notes__", ()):
            error.add_note(f"This was raised by {label}.")
        raise
    if [_version(x) for x in tensors] != before:
        raise SpecInvError(
            f"{label} changed a tensor in place that it was given: work on a copy, x.clone()."
        )


def _version(tensor: Tensor) -> int:
    """Return how often a tensor was written to."""
    try:
        return tensor._version  # pyright: ignore[reportPrivateUsage]
    except RuntimeError:  # within torch.func
        return 0


def private(tensor: Tensor) -> Tensor:
    """Return a tensor to hand over: itself, or a copy where nobody counts writing into it."""
    return tensor.clone() if tensor.is_inference() else tensor


def guarded(thing: _T, checks: type) -> _T:
    """Return a copy of an object of a user's class whose methods go through those of `checks`.

    `checks` overrides methods, and calls those of the class by super(). It keeps the class's name,
    and everything else that the class has. An object of the package's own is returned as it is.
    """
    kind = type(thing)
    if not is_foreign(kind) or issubclass(kind, checks):
        return thing
    other = copy.copy(thing)
    object.__setattr__(other, "__class__", _guarded(kind, checks))
    return other


@lru_cache(64)  # not for ever: a notebook makes its classes again and again
def _guarded(kind: type, checks: type) -> type:
    """Return a subclass of a user's class whose methods are checked."""

    def fill(space: dict[str, Any]) -> None:
        space |= {
            "__module__": kind.__module__,
            "__qualname__": kind.__qualname__,
            "__doc__": kind.__doc__,
            "__slots__": (),
        }

    return types.new_class(kind.__name__, (checks, kind), {}, fill)


def class_of(thing: Any, checks: type) -> type:
    """Return the class that the user wrote, also of an object that :func:`guarded` returned."""
    kinds = type(thing).__mro__
    return kinds[2] if kinds[1:2] == (checks,) else kinds[0]
