"""What is known between two frames."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class OnlineState:
    """The active frames and what has been committed, from the start of the oldest active one."""

    target: Tensor
    """What was observed, (batch, past + look_ahead + 1, rows): of committed frames that the guess
    looks at, of active ones, and a place for the next frame."""
    magnitude: Tensor
    """The magnitudes that these frames started from, (batch, past + look_ahead + 1, bins)."""
    estimate: Tensor
    """Spectra of these frames, of the same shape as the magnitudes."""
    present: Tensor
    """Which of them exist, (batch, past + look_ahead + 1)."""
    committed: Tensor
    """Overlap-added committed frames, (batch, samples)."""
    envelope: Tensor
    """Sum of the squared windows of the committed frames at these samples, of the same shape."""
