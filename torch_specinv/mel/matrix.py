"""A filter bank that is given as a matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..checks import check_finite, check_not_hidden
from ..errors import SpecInvError
from ..tensors import as_tensor
from ..transform.sizes import bin_count


@dataclass(frozen=True, eq=False)
class Matrix:
    """A bank (bands, bins) that is compared by what it holds."""

    values: Tensor
    """float64, on the CPU."""

    @classmethod
    def of(cls, bank: Any, name: str) -> Matrix:
        """Read a bank that is given as the argument of that name."""
        bank = as_tensor(bank, name)
        if bank.ndim != 2 or not bank.is_floating_point() or 0 in bank.shape:
            raise SpecInvError(
                f"{name} has shape {tuple(bank.shape)} and dtype {bank.dtype}: expected the name "
                "or the conventions of a bank, or a matrix (bands, bins) of real numbers."
            )
        check_not_hidden(
            f"{name} decides which bins have a band",
            "call the function for one bank after the other",
            bank,
        )
        check_finite(bank, name)
        if bool((bank < 0).any()):
            raise SpecInvError(
                f"{name} has negative weights (smallest: {float(bank.min()):.4g}): expected a "
                "matrix (bands, bins) that is not negative."
            )
        return cls(bank.detach().to("cpu", torch.float64, copy=True))

    @property
    def n_fft(self) -> int:
        """The even length of the transform that has so many bins."""
        return max(2 * (self.values.shape[1] - 1), 1)

    def fit(self, bands: int, n_fft: int | None, name: str) -> Tensor:
        """Return the matrix, if it is one of so many bands and bins."""
        rows, bins = self.values.shape
        if rows != bands:
            raise SpecInvError(
                f"{name} has {rows} bands, spec {bands}: the bank that made spec has as many rows "
                "as spec. Transposed?"
            )
        if n_fft is not None and bins != bin_count(n_fft):
            raise SpecInvError(f"{name} has {bins} bins, but n_fft={n_fft} has {bin_count(n_fft)}.")
        return self.values

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Matrix) and torch.equal(self.values, other.values)

    def __hash__(self) -> int:
        return hash((self.values.shape, self.values.numpy().tobytes()))

    def __repr__(self) -> str:
        return f"a matrix {tuple(self.values.shape)}"
