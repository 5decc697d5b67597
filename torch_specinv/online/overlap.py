"""The signal that frames add up to: the exact least-squares solution, overlap-add over envelope."""

from __future__ import annotations

from torch import Tensor

from ..transform.frames import overlap_add
from ..transform.geometry import Geometry

# Samples whose envelope is less than this share of the full one are faded, not amplified.
_FLOOR = 1e-3


class Overlap:
    """Adds up frames, and divides by the sum of their squared windows.

    Frames that do not exist add neither signal nor envelope.
    """

    def __init__(self, geometry: Geometry) -> None:
        self._hop = geometry.hop_length
        self.power = geometry.window.abs().square()
        """What a frame adds to the envelope, (n_fft,)."""
        power = float(geometry.window_on_host.abs().square().sum())
        self.floor = _FLOOR * power / geometry.hop_length
        """The least envelope to divide by."""

    def signal(self, frames: Tensor) -> Tensor:
        """Add up frames (batch, frames, n_fft)."""
        return overlap_add(frames, self._hop)

    def envelope(self, present: Tensor) -> Tensor:
        """Add up the squared windows of the frames (batch, frames) that exist."""
        return self.signal(self.power * present.unsqueeze(-1))

    def divide(self, signal: Tensor, envelope: Tensor) -> Tensor:
        """Return the samples that have such a sum of frames."""
        return signal / envelope.clamp_min(self.floor)
