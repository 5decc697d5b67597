"""The sample rate that a file names beside an array."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .entries import Found, children, whole_number

#: What a sample rate is called, in any case of letters.
RATE_NAMES = ("sr", "sample_rate", "samplerate", "sampling_rate", "fs", "rate")
# What is a rate of sound; less is kHz, a tempo, a rate of frames
_LEAST_HZ, _MOST_HZ = 1000, 192_000


def rate_beside(found: Found) -> int | None:
    """Return the sample rate in Hz that is named nearest to an array.

    Its own attributes come first, then what lies beside it, then what lies beside that. Two names
    with different numbers at one place tell nothing.
    """
    for holder in (found.entry, *reversed(found.around)):
        places = [getattr(holder, "attributes", {}), children(holder) or {}]
        rates = {rate for place in places for rate in _rates(place)}
        if rates:
            return rates.pop() if len(rates) == 1 else None
    return None


def _rates(place: Mapping[str, Any]) -> list[int]:
    """Return the sample rates among named values."""
    numbers = [whole_number(place[name]) for name in place if name.lower() in RATE_NAMES]
    return [n for n in numbers if n is not None and _LEAST_HZ <= n <= _MOST_HZ]
