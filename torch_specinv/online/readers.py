"""What the rows of a pushed frame mean: magnitudes, a preset's values, or a constraint's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..constraints.bands import Bands
from ..constraints.base import Constraint
from ..constraints.magnitude import Magnitude
from ..constraints.maker import ConstraintMaker
from ..constraints.mel_bands import MelBands
from ..constraints.read import MakeConstraint, read_constraint
from ..errors import SpecInvError
from ..mel import Preset
from ..mel.plausible import check_restored
from ..transform.geometry import Geometry
from .mixed import ReadMixed

#: What reads frames (streams, rows, frames), and what makes a constraint of what was read.
Readers = tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Constraint]]


@dataclass(frozen=True)
class FrameReader:
    """Reads frames (batch, rows, frames), as they are pushed, and makes constraints of them.

    Parameters
    ----------
    preset : Preset, optional
        What the rows mean. Default: magnitudes, or what `make` makes of them.
    make : callable, optional
        Makes a constraint of what was observed, (batch, rows, frames).
    """

    preset: Preset | None = None
    make: MakeConstraint | None = None
    sources: int | None = None
    """How many sources add up to a mixture, whose spectrum is in further rows."""

    def __post_init__(self) -> None:
        if isinstance(self.make, ConstraintMaker):
            raise SpecInvError(
                f"constraint={type(self.make).__name__}(...) knows all frames at once, and a "
                "stream gets one after the other: pass a function of what is pushed, (streams, "
                "rows, frames), and push what is known in further rows, rows=..."
            )
        if self.make is not None and not callable(self.make):  # pyright: ignore[reportUnnecessaryIsInstance]
            read_constraint(torch.zeros(1, 1, 1), self.make)

    @property
    def linear(self) -> bool:
        """Whether frames are magnitudes."""
        return self.preset is None and self.make is None  # further rows come later

    def check(self, frames: Tensor, geometry: Geometry) -> None:
        """Raise where the first frames (streams, rows, frames) have levels that no sound has."""
        if self.preset is not None and self.preset.is_mel:
            MelBands(self.preset.mel, geometry.n_fft, geometry.window, usual=True)(frames)

    def prepare(self, frames: Tensor, geometry: Geometry) -> Readers:
        """Return what reads frames, and what makes their constraint.

        `frames` (streams, rows, frames) show shape, dtype and device.
        """
        if self.preset is not None and self.preset.is_mel:
            mel, n_fft = self.preset.mel, geometry.n_fft
            bank = mel.bank(n_fft, frames.shape[1])
            used = bank.sum(1) > 0
            values = mel.restore(frames)[:, used.to(frames.device)]
            bands = _Bands(
                self.preset, used.to(frames.device), Bands.of(values, bank[used], mel.power)
            )
            return bands.read, bands.make
        if self.preset is not None:
            return _Linear(self.preset).read, Magnitude
        make: Any = self.make
        if self.sources is not None:
            return _unchanged, ReadMixed(self.sources)
        if make is None:
            return _unchanged, Magnitude
        first = read_constraint(frames, make)
        if first.bins != geometry.bins:
            raise SpecInvError(
                f"the constraint {type(first).__name__} has {first.bins} bins, n_fft="
                f"{geometry.n_fft} has {geometry.bins}."
            )
        return _unchanged, _Made(make)


def _unchanged(frames: Tensor) -> Tensor:
    return frames


@dataclass(frozen=True)
class _Made:
    """A constraint of the user's making."""

    make: MakeConstraint

    def __call__(self, target: Tensor) -> Constraint:
        return read_constraint(target, self.make)


@dataclass(frozen=True)
class _Linear:
    """A linear spectrogram of a preset."""

    preset: Preset

    def read(self, frames: Tensor) -> Tensor:
        magnitude = self.preset.magnitude(frames)
        check_restored(frames, magnitude, self.preset.values)
        return magnitude


@dataclass(frozen=True, eq=False)
class _Bands:
    """A mel spectrogram of a preset."""

    preset: Preset
    used: Tensor
    """Which bands have a bin."""
    first: Bands
    """The constraint of the first frames; its bank is that of all."""

    def read(self, frames: Tensor) -> Tensor:
        mel = self.preset.mel
        values = mel.restore(frames)
        check_restored(frames, values, mel)
        used = self.used
        return values if bool(used.all()) else values[:, used]

    def make(self, target: Tensor) -> Constraint:
        return replace(self.first, target=target)
