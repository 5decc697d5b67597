"""The one exception, and the checks of names and numbers that every entry point shares."""

from __future__ import annotations

import contextlib
import difflib
import inspect
import math
import operator
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from .derivatives import is_hidden

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
    """Every complaint of this package about its input.

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
            f"{name}={value!r} is unknown.{near_miss(str(value), choices)} "
            f"Choose from: {', '.join(choices)}."
        )
    return value


def check_count(name: str, value: Any, *, least: int = 1) -> int:
    """Return `value` as an int that is at least `least`."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or number < least:
        raise SpecInvError(f"{name}={value!r}: expected a whole number of at least {least}.")
    return number


def check_not_negative(name: str, value: Any, hint: str = "", *, most: float = math.inf) -> None:
    """Raise unless `value` (a number or a tensor without dimensions) lies between 0 and `most`."""
    if is_hidden(value) and value.ndim == 0:
        return
    number = read_number(value)
    if not (math.isfinite(number) and 0 <= number <= most):
        hint = f" {hint}" if hint else ""
        limit = "" if most == math.inf else f" and at most {most:g}"
        raise SpecInvError(
            f"{name}={value!r}: expected a finite number of at least 0{limit}.{hint}"
        )


def read_number(value: Any) -> float:
    """Return a real number, or a tensor without dimensions, as a float; NaN for all else."""
    number = math.nan
    # a tensor with dimensions would broadcast, and change dtypes
    if getattr(value, "ndim", 0) == 0 and not isinstance(value, (str, bytes, bool)):
        detach = getattr(value, "detach", lambda: value)
        with contextlib.suppress(TypeError, ValueError, RuntimeError, OverflowError):
            number = float(detach())
    return number
