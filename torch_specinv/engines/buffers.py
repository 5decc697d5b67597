"""Sums and copies of tensors, and copies in place, for engines that write over their state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from ..solve.algorithm import Memory
from ..solve.solver import each_tensor

_T = TypeVar("_T")


def sum_of(tensors: Sequence[Tensor]) -> Tensor:
    """Add tensors up."""
    total = tensors[0]
    for tensor in tensors[1:]:
        total = total + tensor
    return total


def copies_of(tensors: Iterable[Tensor]) -> Memory:
    """Return copies that are contiguous."""
    return tuple(tensor.clone(memory_format=torch.contiguous_format) for tensor in tensors)


def write_over(kept: Memory, new: Memory) -> None:
    """Copy the new memory into the tensors of the old one. Both may share tensors."""
    places = [tensor.untyped_storage().data_ptr() for tensor in kept]
    safe = [
        tensor.clone() if tensor is not old and tensor.untyped_storage().data_ptr() in places
        else tensor
        for tensor, old in zip(new, kept, strict=True)
    ]  # fmt: skip
    for tensor, old in zip(safe, kept, strict=True):
        if tensor is not old:
            old.copy_(tensor)


def by_item(value: _T, each: int) -> _T:
    """Put waves or spectra together, `each` of which are an item; of a tensor or a whole state."""

    def together(tensor: Tensor) -> Tensor:
        return tensor.unflatten(0, (-1, each))

    return value if each == 1 else each_tensor(value, together)


def by_row(value: _T, each: int) -> _T:
    """Return views whose first dimension is that of waves: undo :func:`by_item`."""

    def apart(tensor: Tensor) -> Tensor:
        return tensor.flatten(0, 1)

    return value if each == 1 else each_tensor(value, apart)


def rows_of(spectra: Tensor) -> Tensor:
    """Return spectra (..., bins, frames) with one dimension in front."""
    return spectra.flatten(0, -3)
