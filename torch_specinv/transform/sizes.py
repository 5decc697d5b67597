"""How many: the whole numbers that everything about frames and bins is counted with."""

from __future__ import annotations


def ceil_div(total: int, size: int) -> int:
    """Return how many pieces of `size` cover `total`, the last of which may reach beyond it."""
    return -(-total // size)


def bin_count(n_fft: int, onesided: bool = True) -> int:
    """Return how many bins a spectrum of n_fft samples has; one-sided, without mirror images."""
    return n_fft // 2 + 1 if onesided else n_fft


def real_bins(n_fft: int) -> list[int]:
    """Return which bins of a real signal are real: 0 and, for even lengths, n_fft / 2."""
    return [0] if n_fft % 2 else [0, n_fft // 2]
