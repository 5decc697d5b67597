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
from ..errors import SpecInvError, check_positive
from ..forks import cached_property
from ..tensors import as_tensor
from ..transform.product import product
from ..transform.rounded_alike import positive_power
from .phase_keeping import PhaseKeeping

# Updates for the magnitudes to start from. More do not change the result of the iterations.
_UPDATES = 10
# Directions of the bank that are weaker than this are left as they are: inverted, they would
# amplify the errors of a predicted spectrogram.
_WEAK = 1e-3
# Sums below this are silence. It is so small that a bin can grow again in single precision.
_SILENCE = 1e-18


@dataclass(frozen=True, eq=False)
class Bands(PhaseKeeping):
    """Sums over the bins of each frame, (batch, bands, frames)."""

    target: Tensor
    bank: Tensor
    """(bands, bins), not negative."""
    inverse: Tensor
    """Its pseudo-inverse (bins, bands)."""
    power: float = 1.0

    @property
    def degree(self) -> float:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Sums of powers grow as the powers do."""
        return self.power

    @property
    def bins(self) -> int:
        """The bins that the bank adds up."""
        return self.bank.shape[1]

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
        exact = bank.double().cpu()
        if bool((exact < 0).any()):
            raise SpecInvError("bank has negative weights: expected a matrix that is not negative.")
        # by way of a matrix (bands, bands), where a bank of many bins takes seconds
        gram = torch.linalg.pinv(exact @ exact.mT, rtol=_WEAK**2, hermitian=True)
        inverse = (exact.mT @ gram).to(target)
        return cls(target, bank.to(target), inverse, power)

    def factors(self, squares: Tensor) -> Tensor:
        """Return the quotient of the refitted magnitudes and those of before."""
        if self.power != 1:
            powers = squares if self.power == 2 else positive_power(squares, self.power / 2)
            return self._root(self._quotient(powers))
        inverse = squares.rsqrt()
        magnitude = squares * inverse
        sums = self._sums(magnitude)
        gap = self.wanted(sums) - sums
        return (magnitude + product(gap.mT, self.inverse.mT).mT).clamp_min(0) * inverse

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
        spread = self.bank / self.bank.sum(1, keepdim=True)
        columns = self.bank.sum(0)
        powers = product(self.target.mT, spread) / (columns / columns.max()).clamp_min(1e-2)
        powers = powers.mT
        for _ in range(_UPDATES):
            powers = powers * self._quotient(powers)
        return powers if self.power == 1 else self._root(powers)

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
        columns = self.bank.sum(0)
        means = product(x.mT, self.bank / torch.where(columns > 0, columns, 1)).mT
        return torch.where(columns[:, None] > 0, means, 1)

    def _root(self, powers: Tensor) -> Tensor:
        """Return the root that undoes the power; its gradient at 0 is 0."""
        positive = powers > 0
        root = positive_power(torch.where(positive, powers, 1), 1 / self.power)
        return torch.where(positive, root, 0)

    def _sums(self, powers: Tensor) -> Tensor:
        # frame by frame, as they lie in memory
        return product(powers.mT, self.bank.mT).mT
