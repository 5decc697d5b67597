"""How many samples so many frames belong to."""

from __future__ import annotations

from typing import Any

from ..errors import SpecInvError, check_count


def read_length(length: Any, allowed: range, frames: int, hop_length: int) -> int:
    """Return the wave's length: the given one if it is `allowed`, as it makes `frames` frames."""
    if length is None:
        # a signal of no samples has one frame: the smallest that exists is meant
        return max(allowed.start, min(1, allowed.stop - 1))
    length = check_count("length", length)
    if length not in allowed:
        unit = " Length counts samples, not frames." if length <= 2 * frames < allowed.start else ""
        raise SpecInvError(
            f"length={length}: {frames} frames at hop_length={hop_length} belong to a waveform "
            f"of {max(allowed.start, 1)} to {allowed.stop - 1} samples. "
            f"Pad or cut the waveform afterwards instead.{unit}"
        )
    return length
