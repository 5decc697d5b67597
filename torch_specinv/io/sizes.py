"""How large an array may be: what a file declares is checked before memory is taken for it."""

from __future__ import annotations

from pathlib import Path

from ..errors import SpecInvError

#: What is read where the machine does not say how much memory is free.
_USUAL_ROOM = 2**34
#: Below this, anything may be compressed as far as it goes.
_HARMLESS = 2**30
#: Spectrograms of sound, even of silence with a little noise, compress less than this.
_MOST_RATIO = 100


def most_bytes(stored: int | None = None) -> int:
    """Return how many bytes may be read.

    Parameters
    ----------
    stored : int, optional
        The compressed size, where what is read is compressed: less than a hundredth of what comes
        out of it is taken for a decompression bomb.
    """
    room = _free_memory()
    return room if stored is None else min(room, max(_HARMLESS, _MOST_RATIO * stored))


def check_bytes(path: Path, expected: int, stored: int | None = None) -> None:
    """Raise if `expected` bytes are more than :func:`most_bytes`."""
    most = most_bytes(stored)
    if expected > most:
        raise SpecInvError(
            f"{path} declares {_readable(expected)} of numbers"
            + (f", compressed to {_readable(stored)}" if stored is not None else "")
            + f": at most {_readable(most)} are read here (damaged, or a decompression bomb?)."
        )


def _readable(count: int) -> str:
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"


def _free_memory() -> int:
    """Return how many bytes of memory can be had, where Linux says so."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if "MemAvailable" in line)
    except (OSError, ValueError, StopIteration):
        return _USUAL_ROOM
