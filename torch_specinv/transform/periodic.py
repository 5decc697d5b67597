"""Numbers that repeat themselves far from both ends, in the memory of both ends and a period."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..derivatives import is_differentiated, is_transformed


@dataclass(frozen=True, eq=False)
class Periodic:
    """Both ends of a row of numbers, and one period of what lies between."""

    head: Tensor
    period: Tensor
    tail: Tensor
    length: int
    """How many numbers there are in all."""

    @classmethod
    def of(cls, row: Tensor, hop: int, end: int) -> Periodic | None:
        """Take out what repeats itself every `hop` numbers, but for `end` of them at both ends.

        None where it does not, to the last digit, or the row is short, is no plain row of a CPU,
        or has a derivative.
        """
        plain = row.ndim == 1 and row.device.type == "cpu" and not torch.compiler.is_compiling()
        if not plain or is_transformed() or is_differentiated(row):
            return None
        length = row.shape[0]
        if length < 4 * (end + hop) or not torch.equal(
            row[end : length - end - hop], row[end + hop : length - end]
        ):
            return None
        head, period, tail = row[:end], row[end : end + hop], row[length - end :]
        return cls(head.clone(), period.clone(), tail.clone(), length)

    def whole(self) -> Tensor:
        """Return all numbers, in memory of their own."""
        inner = self.length - len(self.head) - len(self.tail)
        times = -(-inner // len(self.period))
        return torch.cat([self.head, self.period.repeat(times)[:inner], self.tail])
