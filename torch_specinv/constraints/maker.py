"""What users pass as ``constraint=`` beside functions: a maker, which sees the transform too."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Self

from torch import Tensor

from ..errors import SpecInvError
from ..transform.stft import STFT
from .base import Constraint


class ConstraintMaker(ABC):
    """Makes a constraint of a spectrogram and its STFT."""

    dims: ClassVar[int] = 2
    """How many of the last dimensions of `spec` are an item."""

    @property
    def length(self) -> int | None:
        """Samples of the waveform, if what is known tells that."""
        return None

    def bins(self, rows: int) -> int:
        """Return the bins of the STFT of a spectrogram with so many rows."""
        return rows

    @abstractmethod
    def check(self, spec: Tensor) -> None:
        """Raise unless the shape of `spec` (..., rows, frames) fits what is known."""

    @abstractmethod
    def of(self, spec: Tensor, stft: STFT) -> Constraint:
        """Return the constraint of a spectrogram with one batch dimension, or raise.

        `spec` is as it was given, but 0 behind the ends of items of different lengths.
        """

    @abstractmethod
    def select(self, items: Tensor) -> Self:
        """Return what is known of some items."""

    def __call__(self, target: Tensor) -> Constraint:
        """Refuse: the transform is missing."""
        raise SpecInvError(
            f"{type(self).__name__} needs the transform as well: pass it as constraint= to invert."
        )


def check_fits(tensor: Tensor, spec: Tensor, name: str) -> None:
    """Raise unless a tensor is (..., rows, frames) as `spec`, for each of its items or for all."""
    fits = tensor.ndim >= 2 and tensor.shape[-2:] == spec.shape[-2:]
    items = tensor.shape[:-2].numel()
    if not fits or items not in (1, spec.shape[:-2].numel()):
        raise SpecInvError(
            f"{name} has shape {tuple(tensor.shape)}, spec {tuple(spec.shape)}: expected one value "
            "for each of spec, or (rows, frames) for all items."
        )
    if tensor.device != spec.device:
        raise SpecInvError(f"{name} is on {tensor.device}, spec on {spec.device}.")


def with_batch(tensor: Tensor, target: Tensor) -> Tensor:
    """Give a tensor that fits the one batch dimension of a target."""
    return tensor.reshape(-1, *tensor.shape[-2:]).expand(target.shape)


def of_items(tensor: Tensor, items: Tensor, dims: int = 2) -> Tensor:
    """Return some items of a tensor with `dims` last dimensions; what is for all items stays."""
    flat = tensor.reshape(-1, *tensor.shape[tensor.ndim - dims :])
    return flat[items] if len(flat) > 1 else flat
