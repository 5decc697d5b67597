"""The one exception, and the checks of names and numbers that every entry point shares."""

from __future__ import annotations

import contextlib
import difflib
import inspect
import math
import operator
import re
import warnings
from collections.abc import Generator, Iterable, Mapping
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .derivatives import is_hidden

# How many characters of a value a message shows
_LONGEST = 120
# A larger number is infinite in single precision
_LARGEST = float(np.finfo(np.float32).max)
# How many values of an array a message shows
_MOST_VALUES = 4

#: What people coming from other packages write, and what it is called here.
_ELSEWHERE: Mapping[str, str] = {
    "n_iter": "max_iter",
    "maxiter": "max_iter",
    "num_iters": "max_iter",
    "iterations": "max_iter",
    "momentum": "alpha",
    "hop": "hop_length",
    "hop_size": "hop_length",
    "win": "win_length",
    "win_size": "win_length",
    "fft_size": "n_fft",
    "nfft": "n_fft",
    "rand_init": "init",
    "onesize": "onesided",
    "padding": "pad_mode",
    "method": "algorithm",
    "solver": "algorithm",
    "gla": "griffin_lim",
    "gl": "griffin_lim",
    "fgla": "griffin_lim",
    "fast_griffin_lim": "griffin_lim",
}

#: Other packages' keywords for which there is another way here.
_NOTES: Mapping[str, str] = {
    "seed": "Pass generator=torch.Generator().manual_seed(seed).",
    "random_state": "Pass generator=torch.Generator().manual_seed(seed).",
    "power": "The input is a magnitude: take the square root of a power spectrogram.",
    "dtype": "The result has the dtype of the input.",
    "device": "The result is on the device of the input.",
}


class SpecInvError(ValueError):
    """The error that this package raises for invalid input.

    The message names the argument, its value, what was expected and the likely cause.

    Examples
    --------
    >>> import torch, torch_specinv
    >>> try:
    ...     torch_specinv.griffin_lim(torch.full((5, 4), -1.0), window=torch.ones(8))
    ... except torch_specinv.SpecInvError as error:
    ...     print(error)
    spec holds negative values (smallest: -1): a magnitude is never negative. This looks like a log or dB spectrogram. Undo the logarithm first, e.g. spec.exp() or 10 ** (spec / 20). print(torch_specinv.diagnose(spec)) tells which.
    """  # noqa: E501


class DeviceError(SpecInvError):
    """A device that this process can no longer use: the fault of the machine."""


@contextlib.contextmanager
def renamed(ours: str, theirs: str) -> Generator[None]:
    """Let messages call an argument as the caller does, where it goes by another name inside."""
    try:
        yield
    except SpecInvError as error:
        message = re.sub(rf"(?<![\w.'\"]){ours}(?![\w'\"])", theirs, str(error))
        raise type(error)(message) from error.__cause__


def near_miss(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean ...?" for a misspelt or foreign `name`, or nothing at all."""
    known = list(known)
    elsewhere = _ELSEWHERE.get(name.casefold())
    if elsewhere in known:
        return f" Did you mean {elsewhere!r}?"
    if name in _NOTES:
        return f" {_NOTES[name]}"
    close = [other for other in known if other.casefold() == name.casefold()]
    close = close or difflib.get_close_matches(name, known, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def warn(message: str, category: type[Warning]) -> None:
    """Warn about the line of the caller's own code that called into this package."""
    package = __name__.partition(".")[0]
    level, frame = 1, inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").startswith(package):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def check_keywords(given: Iterable[str], known: Iterable[str]) -> None:
    """Raise for the first keyword in `given` that is not in `known`."""
    known = sorted(known)
    for name in given:
        if name not in known:
            raise SpecInvError(
                f"unknown keyword {name!r}.{near_miss(name, known)} Known: {', '.join(known)}."
            )


def check_choice(name: str, value: Any, choices: Iterable[str]) -> str:
    """Return `value` if it is one of `choices`."""
    choices = list(choices)
    if not isinstance(value, str) or value not in choices:
        raise SpecInvError(
            f"{name}={shown(value)} is unknown."
            f"{near_miss(value, choices) if isinstance(value, str) else ''} "
            f"Choose from: {', '.join(choices)}."
        )
    return value


def check_name(name: str, value: Any) -> str:
    """Return `value` if it is a text that can be a name."""
    if not isinstance(value, str) or not value:
        raise SpecInvError(f"{name}={shown(value)}: expected a name, a str.")
    return value


def check_switch(name: str, value: Any, hint: str = "") -> bool:
    """Return `value` if it is True or False."""
    if value is True or value is False or isinstance(value, np.bool_):
        return bool(value)
    raise SpecInvError(f"{name}={shown(value)}: expected True or False{hint}.")


def check_function(name: str, value: Any, what: str = "a function") -> None:
    """Raise unless `value` can be called."""
    if not callable(value):
        raise SpecInvError(f"{name}={shown(value)}: expected {what}.")


def check_count(name: str, value: Any, *, least: int = 1) -> int:
    """Return `value` as an int that is at least `least`."""
    number = _whole(value)
    if number is None or number < least:
        raise SpecInvError(f"{name}={shown(value)}: expected a whole number of at least {least}.")
    return number


def check_seed(seed: Any, name: str = "seed") -> int:
    """Return a seed that generators take, a whole number of at most 63 bits."""
    number = check_count(name, seed, least=0)
    if number >= 2**63:
        raise SpecInvError(f"{name}={number}: expected a number of at most 63 bits.")
    return number


def check_counts(name: str, values: Any, *, least: int = 1) -> list[int]:
    """Return a sequence of whole numbers, each at least `least`, as a list."""
    items: Any = []
    if not isinstance(values, (str, bytes, Mapping)):
        with contextlib.suppress(Exception):  # whatever an object of somebody else's raises
            items = values.tolist() if isinstance(values, (Tensor, np.ndarray)) else list(values)
    numbers = [_whole(item) for item in items] if isinstance(items, list) else []
    whole = [number for number in numbers if number is not None and number >= least]
    if not whole or len(whole) < len(items):
        raise SpecInvError(
            f"{name}={shown(values)}: expected a sequence of whole numbers of at least {least}."
        )
    return whole


def check_number(
    name: str,
    value: Any,
    hint: str = "",
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    most: float = math.inf,
) -> None:
    """Raise unless `value`, a number or a tensor without dimensions, is finite and within limits.

    It has to be at least `least`, more than `above` and at most `most`.
    """
    if is_hidden(value) and value.ndim == 0:
        return
    number = read_number(value)
    if abs(number) <= _LARGEST and least <= number <= most and number > above:
        return
    limits = [
        f"{word} {limit:g}"
        for word, limit in (("of at least", least), ("of more than", above), ("at most", most))
        if math.isfinite(limit)
    ]
    wanted = " ".join(["a finite number", " and ".join(limits)]).rstrip()
    hint = f" {hint}" if hint else ""
    raise SpecInvError(f"{name}={shown(value)}: expected {wanted}.{hint}")


def check_not_negative(name: str, value: Any, hint: str = "", *, most: float = math.inf) -> None:
    """Raise unless `value` (a number or a tensor without dimensions) lies between 0 and `most`."""
    check_number(name, value, hint, least=0, most=most)


def check_positive(name: str, value: Any, hint: str = "") -> None:
    """Raise unless `value` (a number or a tensor without dimensions) is finite and above 0."""
    check_number(name, value, hint, above=0)


def read_number(value: Any) -> float:
    """Return a real number, or a tensor without dimensions, as a float; NaN for all else.

    1 stands for a tensor whose value cannot be known, as under :func:`torch.func.vmap` and in
    :func:`torch.compile`.
    """
    if type(value) is float:
        return value
    if isinstance(value, Tensor):
        # a tensor with dimensions would broadcast, and change dtypes
        if value.is_nested or value.layout is not torch.strided or value.is_quantized:
            return math.nan
        if value.ndim or value.is_meta or value.is_complex() or value.dtype is torch.bool:
            return math.nan
        if torch.compiler.is_compiling():
            return 1.0
        try:
            return float(value.detach())
        except RuntimeError:
            return 1.0
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, (Real, int)) and value is not True and value is not False:
        try:
            return float(value)
        except OverflowError:
            return math.inf
    return math.nan


def shown(value: Any) -> str:
    """Return how a value is shown in a message: its repr, cut where that is long."""
    try:
        if isinstance(value, (Tensor, np.ndarray)) and math.prod(value.shape) > _MOST_VALUES:
            return f"{type(value).__name__} of shape {tuple(value.shape)} and dtype {value.dtype}"
        text = repr(value)
    except Exception:  # whatever an object of somebody else's raises
        return f"a {type(value).__name__}"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _whole(value: Any) -> int | None:
    """Return a whole number as an int, or None for all else."""
    if isinstance(value, bool) or (isinstance(value, Tensor) and value.dtype is torch.bool):
        return None
    try:
        return operator.index(value)
    except Exception:  # whatever an object of somebody else's raises
        return None
