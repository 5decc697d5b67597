"""How settings of losses are named: here, and in packages that people come from."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from inspect import Parameter
from typing import Any, TypeVar, cast

from ..errors import SpecInvError, check_keywords

T = TypeVar("T", bound=Callable[..., Any])

#: Other names of the same settings. Where a loss has the one, it takes the other.
ALIASES: Mapping[str, tuple[str, ...]] = {
    "fft_size": ("n_fft",),
    "hop_size": ("hop_length",),
    "hop_sizes": ("hop_lengths",),
    "win_size": ("win_length",),
    "win_sizes": ("win_lengths",),
    "w_log_mag": ("w_log",),
    "w_lin_mag": ("w_lin",),
    "w_phs": ("w_phase",),
    "mag_distance": ("log_dist", "lin_dist"),
    "scale_invariance": ("scale_invariant",),
    "min_fft_size": ("min_n_fft",),
    "max_fft_size": ("max_n_fft",),
    "min_hop_size": ("min_hop",),
    "max_hop_size": ("max_hop",),
    "filter_type": ("kind",),
    "coef": ("coefficient",),
    "fs": ("sr",),
    "ntaps": ("taps",),
}

SCALE = (
    "Make the scale first: scale=mel_scale(sr, n_fft, n_mels) or chroma_scale(...), for several "
    "resolutions a list of them, one for each n_fft."
)
_WEIGHTING = "Pass weighting=FIRFilter('a_weighting', sr=...)."
#: What other packages do by settings for which there is another way here.
CURES: Mapping[str, str] = {
    **dict.fromkeys(("sample_rate", "sr", "n_bins", "n_mels", "n_chroma"), SCALE),
    "perceptual_weighting": _WEIGHTING,
    "output": "For one term alone, set the weights of the others to 0.",
    "eps": "For magnitudes of at least the root of eps, pass floor=eps**0.5.",
    "randomize_rate": "The resolutions are drawn anew in each call.",
    "device": "A loss computes where its input is; a module moves with .to(device).",
}


def by_name(function: T) -> T:
    """Have the settings of a loss read: by their names here or elsewhere, and by nothing else."""
    parameters = inspect.signature(function).parameters
    most = sum(p.kind is not Parameter.KEYWORD_ONLY for p in parameters.values())
    title = function.__qualname__.removesuffix(".__init__")
    by_keyword = [p.name for p in parameters.values() if p.kind is Parameter.KEYWORD_ONLY]

    @functools.wraps(function)
    def named(*args: Any, **settings: Any) -> Any:
        if len(args) > most:
            refuse_positional(title, by_keyword)
        return function(*args, **read_names(settings, parameters))

    return cast("T", named)


def refuse_positional(title: str, names: list[str]) -> None:
    """Raise for settings that are given by position, whose order differs among packages."""
    first = ", ".join(f"{name}=..." for name in names[:3])
    raise SpecInvError(
        f"{title} has too many positional arguments. Pass settings by name, as their order differs "
        f"among packages: {first}."
    )


def read_names(settings: dict[str, Any], known: Mapping[str, Parameter]) -> dict[str, Any]:
    """Return settings by the names that they have here.

    Window lengths that are given alone are those of the FFT too, whatever sizes are the default.

    Raises
    ------
    SpecInvError
        For a setting that the loss does not have, or has been given twice.
    """
    read: dict[str, Any] = {}
    for name, value in settings.items():
        names = (name,)
        if name not in known:
            names = ALIASES.get(name, ())
            if not names or not all(here in known for here in names):
                if name in CURES:
                    raise SpecInvError(f"unknown keyword {name!r}. {CURES[name]}")
                check_keywords([name], known)
        for here in names:
            if here in read or (here != name and here in settings):
                raise SpecInvError(f"{here} is given twice, once as {name}.")
            read[here] = value
    if "win_lengths" in read and "fft_sizes" in known and read["win_lengths"] is not None:
        read.setdefault("fft_sizes", None)
    return read
