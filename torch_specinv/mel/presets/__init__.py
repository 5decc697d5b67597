"""The recipes of well-known models and libraries, by name. A new one is an entry of a family."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from ...errors import check_choice, check_keywords
from ..recipe import Preset
from .libraries import LIBRARIES
from .sounds import SOUNDS
from .speech_recognition import SPEECH_RECOGNITION
from .speech_synthesis import SPEECH_SYNTHESIS

#: The presets by name.
PRESETS: dict[str, Preset] = {**SPEECH_SYNTHESIS, **SPEECH_RECOGNITION, **SOUNDS, **LIBRARIES}


def named_preset(name: Any, argument: str = "preset") -> Preset:
    """Return a preset by name, which is given as the argument of that name."""
    return name if isinstance(name, Preset) else PRESETS[check_choice(argument, name, PRESETS)]


def name_of(recipe: Preset) -> str | None:
    """Return the name of a recipe; None if it is that of no known model or library."""
    return next((name for name, known in PRESETS.items() if known == recipe), None)


def preset(name: str | Preset, **changes: Any) -> Preset:
    """Return a preset by name, with some of what it says changed.

    Parameters
    ----------
    name : str or Preset
        Such as "hifigan"; :data:`PRESETS` has them all.
    **changes
        Fields of :class:`Preset`, :class:`MelSpec` and :class:`Levels` that are different in a
        model of yours, such as ``fmax=None`` or ``n_mels=128``.

    Returns
    -------
    Preset
        The conventions.

    Raises
    ------
    SpecInvError
        If there is none of that name, or no such field; the message has the nearest.

    Examples
    --------
    >>> from torch_specinv.mel import preset
    >>> preset("whisper").mel.log
    'log10'
    >>> preset("hifigan", fmax=None).mel.fmax is None
    True
    """
    found = named_preset(name, "name")
    own = {field.name for field in fields(Preset) if field.name != "values"}
    of_values = {field.name for field in fields(found.values)}
    check_keywords(changes, own | of_values)
    inner = {key: value for key, value in changes.items() if key in of_values}
    outer = {key: value for key, value in changes.items() if key not in of_values}
    return replace(found, values=replace(found.values, **inner), **outer)
