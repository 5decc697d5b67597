"""What a constraint is: what is known about a spectrum, and how to come nearest to it."""

from __future__ import annotations

from typing import Protocol, Self

from torch import Tensor


class Constraint(Protocol):
    """What is known about the spectrum, and how to come nearest to a spectrum that has it."""

    @property
    def target(self) -> Tensor:
        """What was observed: real, (batch, ..., frames)."""
        ...

    def project(self, spectrum: Tensor) -> Tensor:
        """Return the nearest spectrum that satisfies the constraint; pointwise in time."""
        ...

    def observe(self, spectrum: Tensor) -> Tensor:
        """Return what would have been observed of `spectrum`, comparable to the target."""
        ...

    def select(self, items: Tensor | slice) -> Self:
        """Keep some items of the batch."""
        ...

    def of_frames(self, frames: slice) -> Self:
        """Keep some of the frames."""
        ...

    def guess(self) -> Tensor:
        """Return a magnitude (batch, bins, frames) to start from."""
        ...

    @property
    def exact(self) -> bool:
        """Whether the projection is the nearest point, so that gradients follow from it."""
        ...
