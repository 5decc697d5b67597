"""Banks and their pseudo-inverses, kept for loops that make many calls with one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..derivatives import is_differentiated, is_transformed
from ..forks import cached_property, lock_for_forks
from ..native.bands import BankTables
from .banded import WHOLE, Parts, parts_of

# Directions of the bank that are weaker than this are left as they are: inverted, they would
# amplify the errors of a predicted spectrogram.
_WEAK = 1e-3
# How many banks are kept, and how many weights they have together; the last one always is.
_MOST, _LARGEST = 4, 2**21


@dataclass(frozen=True, eq=False)
class InvertedBank:
    """A bank, and what brings magnitudes to given sums."""

    exact: Tensor
    """The bank (bands, bins), float64, on the CPU."""
    gram: Tensor
    """The pseudo-inverse of the bank times its transpose, (bands, bands), float64, on the CPU."""
    parts: Parts = WHOLE
    """Those of a large bank that is nearly empty."""

    @classmethod
    def of(cls, bank: Tensor) -> InvertedBank:
        """Invert a bank (bands, bins), or return what was found for the same one lately."""
        exact = bank.double().cpu()
        plain = type(exact) is Tensor and not torch.compiler.is_compiling()
        if not plain or is_transformed() or is_differentiated(bank):
            return cls._invert(exact)
        exact = exact.detach()
        found = _find(exact) or cls._invert(exact.clone(), parts_of(exact))
        # tensors made in inference mode are of no use for gradients later
        if not found.gram.is_inference():
            _keep(found)
        return found

    @classmethod
    def of_constraint(cls, bank: Tensor) -> InvertedBank:
        """Return that of a bank in the dtype of a constraint, which was made of an exact one."""
        return _find(bank.detach().cpu()) or cls.of(bank)

    @classmethod
    def _invert(cls, exact: Tensor, parts: Parts = WHOLE) -> InvertedBank:
        # by way of a matrix (bands, bands), where a bank of many bins takes seconds
        gram = torch.linalg.pinv(exact @ exact.mT, rtol=_WEAK**2, hermitian=True)
        return cls(exact, gram, parts)

    def like(self, target: Tensor) -> tuple[Tensor, Tensor, Parts]:
        """Return the bank and its inverse, see :class:`.bands.Bands`, in the dtype of a tensor.

        And the parts that products with them are made of, which are worth it on a CPU.
        """
        parts = self.parts if target.device.type == "cpu" else WHOLE
        inverse = self.gram if parts.bank else self._inverse
        return self.exact.to(target, copy=True), inverse.to(target, copy=True), parts

    @cached_property
    def _inverse(self) -> Tensor:
        return self.exact.mT @ self.gram

    @cached_property
    def rounded(self) -> Tensor:
        """The bank in float32, on the CPU."""
        return self.exact.float()

    @cached_property
    def tables(self) -> BankTables:
        """The same for compiled code."""
        return BankTables.of(self.exact.detach(), self.gram.detach())


_KEPT: list[InvertedBank] = []
_LOCK = lock_for_forks()


def _find(bank: Tensor) -> InvertedBank | None:
    """Return the kept bank that is equal to one in float64 or float32."""
    with _LOCK:
        kept = list(_KEPT)
    for found in kept:
        own = found.exact if bank.dtype == torch.float64 else found.rounded
        if own.dtype == bank.dtype and torch.equal(own, bank):
            return found
    return None


def _keep(found: InvertedBank) -> None:
    """Keep a bank, and of those before it what there is room for."""
    with _LOCK:
        kept = [found, *(other for other in _KEPT if other is not found)][:_MOST]
        while len(kept) > 1 and sum(other.exact.numel() for other in kept) > _LARGEST:
            kept.pop()
        _KEPT[:] = kept
