"""What the settings of losses have to be: each name once, for all functions and modules."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar, cast

from ..checks import check_generator
from ..errors import (
    check_choice,
    check_count,
    check_function,
    check_not_negative,
    check_number,
    check_positive,
    check_switch,
)
from .common import DISTANCES, REDUCTIONS

T = TypeVar("T", bound=Callable[..., Any])


def _choice(*choices: str) -> Callable[[str, Any], object]:
    return lambda name, value: check_choice(name, value, choices)


def _optional(check: Callable[[str, Any], object]) -> Callable[[str, Any], object]:
    return lambda name, value: None if value is None else check(name, value)


#: The check of each setting; those that are not here are read by a function of their own.
CHECKS: Mapping[str, Callable[[str, Any], object]] = {
    **dict.fromkeys(
        ("eps", "w_sc", "w_log", "w_lin", "w_phase", "w_sum", "w_diff", "log_eps"),
        check_not_negative,
    ),
    "floor": partial(check_not_negative, most=1e18),  # its square is a number in single precision
    **dict.fromkeys(("log_fac", "power", "factor", "offset", "a"), check_positive),
    "p": partial(check_number, least=1),
    **dict.fromkeys(("min_hop", "max_hop"), check_positive),
    **dict.fromkeys(
        ("zero_mean", "scale_invariant", "normalize", "balanced", "quantile_lowpass"), check_switch
    ),
    "reduction": _choice(*REDUCTIONS),
    **dict.fromkeys(("metric", "log_dist", "lin_dist"), _choice(*DISTANCES)),
    "norm": _choice("item", "batch"),
    **dict.fromkeys(("resolutions", "min_n_fft", "max_n_fft", "dims"), check_count),
    "weighting": _optional(check_function),
    "generator": lambda _, value: check_generator(value),
}


def check_settings(settings: Mapping[str, Any]) -> None:
    """Raise for the first setting that is not what it should be."""
    for name, value in settings.items():
        check = CHECKS.get(name)
        if check is not None:
            check(name, value)


def checked(loss: T) -> T:
    """Have the settings that a loss is given checked before anything is computed."""
    names = list(inspect.signature(loss).parameters)

    @functools.wraps(loss)
    def check(*args: Any, **settings: Any) -> Any:
        if settings:
            check_settings(settings)
        if len(args) > 2:
            check_settings(dict(zip(names, args, strict=False)))
        return loss(*args, **settings)

    return cast(T, check)
