"""Read the keywords of a corpus, and check all that can be checked before any item is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ..errors import SpecInvError, check_choice, check_count, check_seed, check_switch
from ..images import ImageSpec
from ..inversion.names import check_names
from ..inversion.request import Request
from ..inversion.settings import DEFAULTS, split_stft
from ..io import PEAKS
from ..mel import Preset, preset
from ..solve.algorithm import Algorithm
from ..transform.named_windows import is_named, read_window
from .job import Job
from .sinks import FORMATS

#: Common keywords that are those of one spectrogram, or of a call that someone waits for.
_FOREIGN = ("length", "lengths", "generator", "callback", "resume", "transforms", "preset",
            "verbose", "checkpoint")  # fmt: skip


def read_job(
    algorithm: str | Algorithm, recipe: str | Preset | None, keywords: Mapping[str, Any], **own: Any
) -> Job:
    """Return the settings of a corpus.

    Raises
    ------
    SpecInvError
        If a name or a number is not what it should be.
    """
    given = dict(keywords)
    for name in _FOREIGN:
        if name in given:
            raise SpecInvError(
                f"{name}={given[name]!r} is for single spectrograms: a corpus has no such keyword."
            )
    stft: dict[str, Any] = {**split_stft(given)}
    check_names(algorithm, {**given, **stft}, tuple(n for n in DEFAULTS if n not in _FOREIGN))
    if stft.get("window") is not None and not is_named(read_window(stft["window"])):
        raise SpecInvError("window is a tensor: a corpus takes the name of one, such as 'hann'.")
    if isinstance(given.get("init"), torch.Tensor):
        raise SpecInvError("init is a tensor: a corpus takes the name of a start.")
    check_count("sr", own["sr"]) if own["sr"] is not None else None
    check_choice("format", own["format"], FORMATS)
    own["peak"] = own["peak"] or ("normalise" if own["format"] in ("flac", "ogg") else "keep")
    check_choice("peak", own["peak"], PEAKS)
    check_seed(own["seed"])
    for name in ("transpose", "channels", "speech"):
        check_switch(name, own[name])
    clash = [name for name in ("constraint", "mel") if given.get(name) is not None]
    if clash and recipe is not None:
        raise SpecInvError(f"{clash[0]} and preset are both given, but a preset says it all.")
    found = Preset.plain(own["sr"], **stft) if recipe is None else preset(recipe, **stft)
    if own["sr"] is not None and found.sr not in (None, own["sr"]):
        raise SpecInvError(f"sr={own['sr']}, but the preset has {found.sr} Hz.")
    # what is said although it is so anyway makes no other settings
    given = {name: value for name, value in given.items() if not _is_usual(name, value)}
    image: Any = dict(own.pop("image") or {})
    ImageSpec.read(None, image)
    _read_device(own["device"])
    # numbers of the algorithm and of the loop, at a spectrogram of silence
    trial = {name: value for name, value in given.items() if name not in ("constraint", "mel")}
    Request.read(torch.zeros(9, 4), algorithm, trial)
    return Job(algorithm, found, stft, given, image=image, **own)


def _is_usual(name: str, value: Any) -> bool:
    """Whether a keyword has its default; that of max_iter depends on what is inverted."""
    if name not in DEFAULTS or name == "max_iter" or not isinstance(value, (str, int, float)):
        return False
    return type(value) is type(DEFAULTS[name]) and value == DEFAULTS[name]


def _read_device(name: str) -> None:
    try:
        torch.empty(0, device=torch.device(name))
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise SpecInvError(f"device={name!r} is not available: {reason}") from error
