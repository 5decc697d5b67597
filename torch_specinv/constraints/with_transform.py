"""Constraints that can only be made when the transform is there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Self

from torch import Tensor

from ..errors import SpecInvError
from ..transform.stft import STFT
from .base import Constraint


class WithTransform(ABC):
    """Makes a constraint of a spectrogram and its STFT, where ``constraint=`` takes a function."""

    dims: ClassVar[int] = 2
    """How many of the last dimensions of `spec` are an item."""

    @property
    def length(self) -> int | None:
        """Samples of the waveform, if what is known tells that."""
        return None

    @abstractmethod
    def check(self, spec: Tensor) -> None:
        """Raise unless this is known of such a spectrogram, of any leading dimensions."""

    @abstractmethod
    def of(self, spec: Tensor, stft: STFT) -> Constraint:
        """Return the constraint of a spectrogram with one batch dimension."""

    @abstractmethod
    def select(self, items: Tensor) -> Self:
        """Return what is known of some items."""

    def __call__(self, target: Tensor) -> Constraint:
        """Refuse: the transform is missing."""
        raise SpecInvError(
            f"{type(self).__name__} needs the transform as well: pass it as constraint= to invert."
        )
