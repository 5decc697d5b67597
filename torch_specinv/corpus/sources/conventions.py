"""What a list of items, or a shard, may say of an item beside its array."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ...mel import Levels, MelSpec, Preset

#: Conventions of a recipe: fields that :func:`torch_specinv.mel.preset` changes.
RECIPE = frozenset(
    field.name for kind in (Preset, MelSpec, Levels) for field in fields(kind)
) - {"values", "source", "image", "sr"}  # fmt: skip
#: What else is known of an item, by the names that it has elsewhere.
_NAMES = {
    "sr": "sr", "sample_rate": "sr", "sampling_rate": "sr", "samplerate": "sr",
    "length": "length", "lengths": "length", "samples": "length", "num_samples": "length",
    "array": "array", "preset": "preset",
}  # fmt: skip
_WHOLE = ("sr", "length")


def conventions_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a row says of an item, by the names of this package; the rest is left out."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        known = _NAMES.get(name, name if name in RECIPE else None)
        if known is None or not isinstance(value, (str, int, float)) or value == "":
            continue
        if isinstance(value, float) and not math.isfinite(value):
            continue  # a hole in a table
        value = _read(value) if isinstance(value, str) and known not in ("array",) else value
        if isinstance(value, float) and value.is_integer() and known in _WHOLE:
            value = int(value)
        found[known] = value
    return found


def _read(text: str) -> Any:
    """Return what a cell of text holds."""
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
