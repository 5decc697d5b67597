"""Numbers of bins and frames that point to a mistake, where n_fft is not given."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..checks import MEL_BANDS
from ..errors import SpecInvError
from .sizes import bin_count


def mel_hint(bins: int) -> str:
    """Say that so many rows are probably mel bands."""
    return f"{bins} bins: a mel spectrogram? See mel_to_audio, and torch_specinv.diagnose(spec)."


def check_plausible(bins: int, frames: int, n_fft: int, k: dict[str, Any]) -> None:
    """Raise where the n_fft that follows from the bins is probably a mistake.

    `k` holds the keywords of the STFT that were given.
    """
    window = k.get("window")
    # a window that is said by name is as long as win_length says
    support = len(window) if isinstance(window, Tensor) else k.get("win_length")
    cause = None
    if support == n_fft:
        return
    if isinstance(support, int) and support == n_fft + 1:
        cause = f"The window has {support} samples: pass n_fft={support}, which is odd."
    elif isinstance(support, int) and frames == bin_count(support):
        cause = f"For a window of {support} samples the array looks transposed: pass spec.mT."
    elif isinstance(support, int) and bins == support // 2:
        cause = (
            f"For a window of {support} samples the Nyquist bin was dropped? Append it, for "
            "example as zeros."
        )
    elif bins in MEL_BANDS:
        cause = mel_hint(bins)
    elif isinstance(support, int) and support > n_fft:
        cause = f"The window has {support} samples, more than that: not the one that made spec?"
    elif support is None and bins >= 512 and bins & (bins - 1) == 0:
        cause = f"{bins} bins: the Nyquist bin was dropped? Append it, for example as zeros."
    elif support is None and frames > 64 and _power_of_two(frames - 1) and not _smooth(bins - 1):
        cause = f"{frames} frames look like bins: is the array transposed? Pass spec.mT."
    if cause:
        raise SpecInvError(
            f"spec has {bins} bins, which would mean n_fft={n_fft}. {cause} "
            f"(If it was made with n_fft={n_fft}, pass n_fft={n_fft}.)"
        )


def only_mel_has(bins: int, n_fft: int) -> bool:
    """Whether so many bins are usual for mel bands, and their n_fft for nothing."""
    return bins in MEL_BANDS and n_fft % 2 == 0 and not _smooth(n_fft)


def _power_of_two(number: int) -> bool:
    return number & (number - 1) == 0


def _smooth(number: int) -> bool:
    """Whether `number` has no prime factor above 5, as FFT lengths usually are."""
    for factor in (2, 3, 5):
        while number > 1 and number % factor == 0:
            number //= factor
    return number == 1
