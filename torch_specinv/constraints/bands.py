r"""What is known are sums over bins: a mel spectrogram, or any other non-negative bank.

With :math:`M = |c|^p` the spectrum's magnitudes to a power and B the bank, :math:`B M = Y` is
known. For p = 1 the nearest M, but for the sign, is

.. math:: M' = \max\bigl( M + B^+ (Y - B M), 0 \bigr) .

For other powers what is near in M is not near in :math:`|c|`, so quotients are refitted:

.. math:: M' = M \, \frac{B^T (Y / B M)}{B^T 1} .

The projection is :math:`c (M' / M)^{1/p}`: phases stay as they are, and magnitudes are refitted in
every iteration. So they become those of a waveform that has these bands, instead of one guess
that no waveform has.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..checks import check_finite, refuse_negative
from ..derivatives import is_differentiated, is_transformed
from ..errors import SpecInvError, check_positive
from ..forks import cached_property
from ..native import BankTables, missing, smooth
from ..tensors import as_tensor
from ..transform.product import product
from ..transform.rounded_alike import positive_power
from .banded import WHOLE, Parts, times
from .inverted_bank import InvertedBank
from .phase_keeping import PhaseKeeping

# Updates for the magnitudes to start from. More do not change the result of the iterations.
_UPDATES = 10
# Sums below this are silence. It is so small that a bin can grow again in single precision.
_SILENCE = 1e-18


@dataclass(frozen=True, eq=False)
class Bands(PhaseKeeping):
    """Sums over the bins of each frame, (batch, bands, frames)."""

    target: Tensor
    bank: Tensor
    """(bands, bins), not negative."""
    inverse: Tensor
    """Its pseudo-inverse (bins, bands); of one in parts that of it times its transpose."""
    power: float = 1.0
    parts: Parts = WHOLE
    """Where a large bank is not 0."""

    @property
    def degree(self) -> float:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Sums of powers grow as the powers do."""
        return self.power

    @property
    def bins(self) -> int:
        """The bins that the bank adds up."""
        return self.bank.shape[1]

    @property
    def tables(self) -> BankTables:
        """The bank for compiled code."""
        return InvertedBank.of_constraint(self.bank).tables

    @classmethod
    def of(cls, target: Tensor, bank: Tensor, power: float = 1.0) -> Bands:
        """Invert the bank (bands, bins), of sums (..., bands, frames)."""
        target, bank = as_tensor(target, "target"), as_tensor(bank, "bank")
        check_positive("power", power)
        for name, tensor in (("target", target), ("bank", bank)):
            if tensor.is_complex() or tensor.ndim < 2 or tensor.numel() == 0:
                raise SpecInvError(
                    f"{name} has shape {tuple(tensor.shape)} and dtype {tensor.dtype}: expected "
                    "real sums (..., bands, frames) and a real bank (bands, bins)."
                )
        if bank.ndim != 2 or len(bank) != target.shape[-2]:
            raise SpecInvError(
                f"bank has shape {tuple(bank.shape)}, target {tuple(target.shape)}: expected "
                "(bands, bins) and (..., bands, frames)."
            )
        refuse_negative(target, "target")
        check_finite(bank, "bank")
        if bool((bank < 0).any()):
            raise SpecInvError("bank has negative weights: expected a matrix that is not negative.")
        own, inverse, parts = InvertedBank.of(bank).like(target)
        return cls(target, own, inverse, power, parts)

    def factors(self, squares: Tensor) -> Tensor:
        """Return the quotient of the refitted magnitudes and those of before."""
        if self.power != 1:
            powers = squares if self.power == 2 else positive_power(squares, self.power / 2)
            return self._root(self._quotient(powers))
        inverse = squares.rsqrt()
        magnitude = squares * inverse
        sums = self._sums(magnitude)
        gap = self.wanted(sums) - sums
        change = product(gap.mT, self.inverse.mT)
        change = times(change, self.bank.mT, self.parts.transpose) if self.parts.bank else change
        return (magnitude + change.mT).clamp_min(0) * inverse

    def wanted(self, sums: Tensor) -> Tensor:
        """Return what sums are to become: the target, whatever they are."""
        return self.target

    def observe(self, spectrum: Tensor) -> Tensor:
        """Return the sums."""
        magnitude = spectrum.abs()
        return self._sums(magnitude if self.power == 1 else magnitude**self.power)

    def magnitude(self) -> Tensor:
        """Return smooth magnitudes with these sums, by multiplicative updates.

        The updates make the Kullback-Leibler divergence smaller; magnitudes are never negative.
        """
        sums = self.target.mT
        if self._compiled():
            powers = smooth(self.tables, sums.flatten(0, -2), _UPDATES)
            powers = powers.view(*sums.shape[:-1], -1).mT
            return powers if self.power == 1 else self._root(powers)
        columns = self._columns
        powers = times(sums / self.bank.sum(1), self.bank.mT, self.parts.transpose)
        powers = powers / (columns / columns.max()).clamp_min(1e-2)
        powers = powers.mT
        for _ in range(_UPDATES):
            powers = powers * self._quotient(powers)
        return powers if self.power == 1 else self._root(powers)

    def _compiled(self) -> bool:
        """Whether compiled code has these sums and this bank."""
        target = self.target
        if type(self) is not Bands or target.device.type != "cpu" or target.dtype != torch.float32:
            return False
        if torch.compiler.is_compiling() or is_transformed() or is_differentiated(target):
            return False
        return not is_differentiated(self.bank) and not missing() and self.tables.is_banded

    def _quotient(self, powers: Tensor) -> Tensor:
        """Return what brings powers nearer to the sums when it is multiplied with them."""
        sums = self._sums(powers)
        return self._mean_over_bands(self.wanted(sums) / sums.clamp_min(_SILENCE))

    def spread(self, factors: Tensor) -> Tensor | None:
        """Return the mean factor of the bands that a bin is in, weighted as the bank does.

        None for banks whose bands are not in the order of their frequencies.
        """
        if not self._in_order:
            return None
        means = self._mean_over_bands(factors)
        return means if self.power == 1 else self._root(means)

    @cached_property
    def _in_order(self) -> bool:
        """Whether the middle of each band lies above that of the one before."""
        place = torch.arange(self.bank.shape[1], dtype=self.bank.dtype, device=self.bank.device)
        middle = product(self.bank, place) / self.bank.sum(1)
        return bool((middle.diff() > 0).all())

    def _mean_over_bands(self, x: Tensor) -> Tensor:
        """Return for each bin the mean of the bands that it is in, or 1 if it is in none."""
        columns = self._columns
        weights = self.bank / torch.where(columns > 0, columns, 1)
        means = times(x.mT, weights.mT, self.parts.transpose).mT
        return torch.where(columns[:, None] > 0, means, 1)

    @cached_property
    def _columns(self) -> Tensor:
        """The sums of the weights of each bin, (bins,)."""
        return self.bank.sum(0)

    def _root(self, powers: Tensor) -> Tensor:
        """Return the root that undoes the power; its gradient at 0 is 0."""
        positive = powers > 0
        root = positive_power(torch.where(positive, powers, 1), 1 / self.power)
        return torch.where(positive, root, 0)

    def _sums(self, powers: Tensor) -> Tensor:
        # frame by frame, as they lie in memory
        return times(powers.mT, self.bank, self.parts.bank).mT
