"""What kind of magnitude each item holds, and what treatment suits it."""

from __future__ import annotations

from enum import StrEnum

from ..transform.geometry import Geometry


class Kind(StrEnum):
    """What a spectrogram is, compared with those that waveforms have."""

    EXACT = "exact"
    """A waveform has it, or one that differs little and without a pattern."""
    NOISY = "noisy"
    """Rougher: its values have independent errors."""
    BLURRED = "blurred"
    """Smoother: a local mean of one that a waveform has, as regression predicts it."""
    COARSE = "coarse"
    """Smoother, but not by a mean over neighbours: spread out from a mel, or of low rank."""


#: The kinds in the order of their numbers in a tensor.
KINDS = tuple(Kind)


def window_units(geometry: Geometry) -> tuple[float, float]:
    """Return how many bins, and how many frames, are 1 bin and 1 frame of a Hann window at 75 %.

    0 frames for windows that have no such width.
    """
    g = geometry
    width = g.window_shape.width
    # the Gaussian nearest to a Hann window of N samples has the width (0.5064 N)^2
    length = width**0.5 / 0.5064
    return (g.n_fft / length, length / (4 * g.hop_length)) if width > 0 else (1.0, 0.0)
