"""Products with large banks, nearly all of whose weights are 0: part by part."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..transform.product import product

# From so many weights on the parts are worth it, of so many bands each
_LARGE, _BANDS = 2**20, 64


#: Some rows of a matrix, and the columns beyond which these are 0: the first and the end of each.
Part = tuple[int, int, int, int]


class Parts(NamedTuple):
    """The parts of a bank (bands, bins), and those of its transpose; none where it is whole."""

    bank: tuple[Part, ...] = ()
    transpose: tuple[Part, ...] = ()


#: Those of a bank that is not divided.
WHOLE = Parts()


def parts_of(bank: Tensor) -> Parts:
    """Return the parts of a bank (bands, bins) that is large and nearly empty."""
    if bank.numel() < _LARGE:
        return WHOLE
    count = max(1, len(bank) // _BANDS)
    found = Parts(_divide(bank, count), _divide(bank.mT, count))
    sizes = [sum((b - a) * (d - c) for a, b, c, d in parts) for parts in found]
    return found if max(sizes) < bank.numel() / 2 else WHOLE


def times(x: Tensor, matrix: Tensor, parts: tuple[Part, ...]) -> Tensor:
    """Return x (..., columns) times the transpose of a matrix (rows, columns)."""
    if not parts:
        return product(x, matrix.mT)
    with torch.autocast(x.device.type, enabled=False):
        return torch.cat([x[..., c:d] @ matrix[a:b, c:d].mT for a, b, c, d in parts], -1)


def _divide(matrix: Tensor, count: int) -> tuple[Part, ...]:
    """Divide the rows of a matrix into so many parts."""
    rows, columns = matrix.shape
    size, parts = -(-rows // count), list[Part]()
    for first in range(0, rows, size):
        end = min(first + size, rows)
        used = (matrix[first:end] != 0).any(0).nonzero().flatten()
        begin, last = (int(used[0]), int(used[-1])) if len(used) else (0, 0)
        parts.append((first, end, begin, min(last + 1, columns)))
    return tuple(parts)
