"""What is known of several transforms of one waveform, stacked as their spectra are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from torch import Tensor

from ..transform.several import COLUMNS, SeveralSTFT, pairs_of, split, stack
from .base import Constraint
from .magnitude import Magnitude


@dataclass(frozen=True, eq=False)
class StackedMagnitudes(Magnitude):
    """The magnitudes of all transforms, (batch, rows, columns)."""

    target: Tensor

    def spread(self, factors: Tensor) -> Tensor | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return None: neighbouring rows are not of neighbouring frequencies."""
        return None


@dataclass(frozen=True, eq=False)
class Stacked(Constraint):
    """Constraints of one transform each. All frames of each are given, and some columns."""

    target: Tensor
    """What was observed, of all of them: (batch, rows, columns)."""
    parts: tuple[Constraint, ...]
    """Their tensors have a silent frame where the last one is even."""
    columns: slice = field(default_factory=lambda: slice(None))
    """Which of the columns there are."""
    tensors: ClassVar[tuple[str, ...]] = ("target",)

    @property
    def bins(self) -> int:
        """The rows of a spectrum."""
        return sum(part.bins * pairs_of(part.target.shape[-1]) for part in self.parts)

    def project(self, spectrum: Tensor) -> Tensor:
        """Let each constraint project the spectrum of its transform."""
        return self._each(spectrum, [part.bins for part in self.parts], lambda p, c: p.project(c))

    def observe(self, spectrum: Tensor) -> Tensor:
        """Return what would be observed of each."""
        return self._each(spectrum, [part.bins for part in self.parts], lambda p, c: p.observe(c))

    def magnitude(self) -> Tensor:
        """Return magnitudes to start from."""
        return stack([part.magnitude() for part in self.parts])[..., self.columns]

    def _each(
        self, x: Tensor, rows: Sequence[int], function: Callable[[Constraint, Tensor], Tensor]
    ) -> Tensor:
        whole = x.new_zeros(*x.shape[:-1], COLUMNS)
        whole[..., self.columns] = x
        shapes = [
            (count, part.target.shape[-1]) for count, part in zip(rows, self.parts, strict=True)
        ]
        done = [function(*pair) for pair in zip(self.parts, split(whole, shapes), strict=True)]
        return stack(done)[..., self.columns]

    def scaled(self, scale: Tensor) -> Stacked:
        """Return the constraint for waves that are divided by `scale`."""
        parts = tuple(part.scaled(scale) for part in self.parts)
        return Stacked(stack([part.target for part in parts]), parts)

    def of_frames(self, frames: slice) -> Stacked:
        """Keep some of the columns."""
        columns = range(COLUMNS)[self.columns][frames]
        kept = slice(columns.start, columns.stop, columns.step)
        return replace(self, target=self.target[..., frames], columns=kept)

    def select(self, items: Tensor | slice) -> Stacked:
        """Keep some items of the batch."""
        parts = tuple(part.select(items) for part in self.parts)
        return replace(self, target=self.target[items], parts=parts)


def stacked(constraints: Sequence[Constraint], stft: SeveralSTFT) -> Constraint:
    """Return what is known of all transforms, given what is known of each at its own level."""
    parts: list[Constraint] = []
    for constraint, scale in zip(constraints, stft.scales, strict=True):
        target = constraint.target
        parts.append(constraint.scaled(target.new_full((len(target), 1, 1), 1 / scale)))
    target = stack([part.target for part in parts])
    if all(type(part) is Magnitude for part in parts):
        return StackedMagnitudes(target)
    return Stacked(target, tuple(parts))
