"""What is known, at the scale of the iterations: a copy that need not be there all the time."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..constraints.base import ROWS, Constraint, squares_of_rows
from ..forks import cached_property

# Integers as wide as the floats of a dtype
_BITS = {torch.float32: torch.int32, torch.float64: torch.int64}


@dataclass(frozen=True, eq=False)
class Unscaled:
    """A magnitude in the memory of the user, and what to divide it by.

    Its scaled copy has as many numbers. It is made where somebody reads it, and again after it was
    let go of by :meth:`release`.
    """

    given: Constraint
    """At the level of the input; its target is (batch, bins, frames)."""
    scale: Tensor
    """Shape (batch, 1, 1)."""

    @cached_property
    def scaled(self) -> Constraint:
        """The copy."""
        return self.given.scaled(self.scale)

    def release(self) -> None:
        """Let go of the copy."""
        vars(self).pop("scaled", None)

    def of_frames(self, frames: slice) -> Constraint:
        """Return the copy of some of the frames alone."""
        copy = vars(self).get("scaled")
        if copy is not None:
            return copy.of_frames(frames)
        return self.given.of_frames(frames).scaled(self.scale)

    @property
    def energy(self) -> Tensor:
        """The error of silence, (batch,)."""
        return squares_of_rows(self.given.target.mT, self.scale)

    def select(self, items: Tensor) -> Unscaled:
        """Keep some items of the batch."""
        return Unscaled(self.given.select(items), self.scale[items])


def checksums(target: Tensor, unit: Tensor | None = None) -> Tensor:
    """Return sums over the digits of a target, divided by `unit`: one a frame, and one a bin.

    Shape (..., frames + bins). They tell two targets apart without a copy of either. As integers
    they wrap, so that the order of the summands does not matter.
    """
    kind = _BITS[target.dtype]
    of_frames: list[Tensor] = []
    of_rows: list[Tensor] = []
    for part in target.detach().mT.split(ROWS, -2):
        digits = (part if unit is None else part / unit).view(kind)
        of_frames.append(digits.sum(-1, dtype=kind))
        of_rows.append(digits.sum(-2, dtype=kind))
    return torch.cat([*of_frames, torch.stack(of_rows).sum(0, dtype=kind)], -1)
