"""Methods of other people's packages, named as ``module:function``."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..errors import SpecInvError
from ..plugins import calling, check_returned
from ..transform.stft import STFT
from .peers import Peer


def load_method(method: str, hint: str = "") -> Peer:
    """Return the function of (magnitude, transform, iterations) that ``module:function`` names.

    The function is called with the magnitude, (bins, frames), and by name with whatever else of
    n_fft, hop_length, win_length, window, center, length and max_iter (or n_iter) it takes. It
    returns a wave (samples,).

    Parameters
    ----------
    method : str
        Such as "vocoder:invert" or "mine.methods:griffin_lim".
    hint : str, default ""
        What else the name may have meant, for the message.

    Raises
    ------
    SpecInvError
        If there is no such module, or no such function in it.
    """
    place, _, name = method.partition(":")
    try:
        found: Any = importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name is not None and (place == error.name or place.startswith(f"{error.name}.")):
            raise SpecInvError(
                f"method {method!r}: {place!r} is neither a method nor a module.{hint}"
            ) from error
        raise SpecInvError(f"method {method!r}: importing {place} needs {error.name}.") from error
    except Exception as error:
        raise SpecInvError(
            f"method {method!r}: importing {place} raised {type(error).__name__}: {error}"
        ) from error
    for part in name.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise SpecInvError(f"method {method!r}: {place} has no function {name!r}.")
    return partial(_call, f"method {method!r}", found)


def _call(
    label: str, function: Callable[..., Any], target: Tensor, stft: STFT, budget: int
) -> Tensor:
    """Return a wave of the length that is asked for; a shorter or longer last frame is no fault."""
    g = stft.geometry
    known = {
        **g.keywords(), "length": g.length, "max_iter": max(budget, 1), "n_iter": max(budget, 1),
    }  # fmt: skip
    given = {name: value for name, value in known.items() if name in _names(function)}
    with calling(label, target):
        try:
            wave = function(target, **given)
        except Exception as error:
            raise SpecInvError(f"{label} raised {type(error).__name__}: {error}") from error
    shape = (g.length,)
    if isinstance(wave, Tensor) and wave.ndim == 1 and abs(len(wave) - g.length) < g.n_fft:
        shape = (len(wave),)
    wave = check_returned(wave, label, shape, target, finite=True, meaning="(samples,)").detach()
    return torch.nn.functional.pad(wave, (0, g.length - len(wave)))


def _names(function: Callable[..., Any]) -> set[str]:
    """Return the keywords that a function takes beside its first argument."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # of some that are compiled
        return set()
    return {
        one.name
        for one in parameters[1:]  # the first is the magnitude
        if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
    }
