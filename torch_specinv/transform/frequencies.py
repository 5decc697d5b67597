"""The range of frequencies that a filter bank covers."""

from __future__ import annotations

from typing import Any

from ..errors import SpecInvError, check_count, read_number, shown

#: The most values of a bank, 2 GiB in single precision.
_MOST_VALUES = 2**29


def read_range(sr: Any, fmin: Any, fmax: Any) -> tuple[float, float]:
    """Return the lower and the upper edge of a bank in Hz; None is half the sample rate."""
    top = check_count("sr", sr) / 2
    low, high = read_number(fmin), top if fmax is None else read_number(fmax)
    if not 0 <= low < high <= top:
        raise SpecInvError(
            f"fmin={shown(fmin)}, fmax={shown(fmax)} at sr={sr}: expected 0 <= fmin < fmax <= "
            f"{top:g} Hz, half the sample rate."
        )
    return low, high


def check_size(sr: Any, n_fft: Any, bands: Any, name: str) -> None:
    """Raise unless sample rate, length and the number of bands, of that name, can make a bank."""
    check_count("sr", sr)
    if check_count(name, bands) * (check_count("n_fft", n_fft) // 2 + 1) > _MOST_VALUES:
        raise SpecInvError(f"{name}={bands}, n_fft={n_fft}: no memory holds such a bank.")
