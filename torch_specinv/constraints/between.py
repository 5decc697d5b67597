r"""Magnitudes, or sums over bands, that are known to lie between two bounds.

Quantised, clipped or masked arrays: a byte of an image stands for an interval. A magnitude within
its bounds stays, and one outside goes to the nearer bound:

.. math:: |c| \leftarrow \min(\max(|c|, L), U) .
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor

from ..checks import check_finite, check_spectrogram
from ..errors import SpecInvError
from ..tensors import Numbers, as_tensor
from ..transform.stft import STFT
from .bands import Bands
from .base import Constraint, guard, squared_magnitude, sum_of_squares
from .magnitude import Magnitude, magnitudes_of
from .maker import ConstraintMaker, check_fits, of_items, with_batch
from .mel_bands import MelBands

_T = TypeVar("_T", "MagnitudesBetween", "BandsBetween")


@dataclass(frozen=True, eq=False)
class MagnitudesBetween(Magnitude):
    """Magnitudes (batch, bins, frames) between two bounds. :class:`Between` makes it."""

    target: Tensor
    low: Tensor
    high: Tensor
    tensors: ClassVar[tuple[str, ...]] = ("target", "low", "high")

    def project(self, spectrum: Tensor) -> Tensor:
        """Keep each bin's phase, and bring its magnitude to the nearest one that is allowed."""
        spectrum = guard(spectrum)
        inverse = squared_magnitude(spectrum).rsqrt()
        allowed = _clip(1 / inverse, self.low, self.high)
        return spectrum * (allowed * inverse)

    def spread(self, factors: Tensor) -> Tensor | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return None: a magnitude within its bounds is not wrong."""
        return None

    def error(self, observed: Tensor) -> Tensor:
        """Return the squared distance to the bounds."""
        return sum_of_squares(observed - _clip(observed, self.low, self.high))

    def scaled(self, scale: Tensor) -> MagnitudesBetween:
        """Return the constraint for waves that are divided by `scale`."""
        return _scale_bounds(super().scaled(scale), scale)


@dataclass(frozen=True, eq=False)
class BandsBetween(Bands):
    """Sums over bands, (batch, bands, frames), between two bounds. :class:`Between` makes it."""

    low: Tensor = field(kw_only=True)
    high: Tensor = field(kw_only=True)
    tensors: ClassVar[tuple[str, ...]] = ("target", "low", "high")

    def wanted(self, sums: Tensor) -> Tensor:
        """Return the nearest sums that are allowed."""
        return _clip(sums, self.low, self.high)

    def spread(self, factors: Tensor) -> Tensor | None:
        """Return None: a sum within its bounds is not wrong."""
        return None

    def error(self, observed: Tensor) -> Tensor:
        """Return the squared distance to the bounds."""
        return sum_of_squares(observed - _clip(observed, self.low, self.high))

    def scaled(self, scale: Tensor) -> BandsBetween:
        """Return the constraint for waves that are divided by `scale`."""
        return _scale_bounds(super().scaled(scale), scale**self.degree)


@dataclass(frozen=True, eq=False)
class Between(ConstraintMaker):
    """Bounds of the magnitudes: ``invert(spec, constraint=Between(low, high))``.

    `spec` is a guess between them, such as their mean: where to start from, and what the error is
    relative to. The error itself is the distance to the bounds, and 0 between them. A magnitude of
    which nothing is known lies between 0 and infinity.

    Parameters
    ----------
    low, high : Tensor
        Shape (..., bins, frames), for each item or for all. `high` may be infinite.
    bands : MelBands, optional
        The bank that `spec` and its bounds were summed up by, and how all three were written down.
        Then they are (..., bands, frames). With logarithms `low` may be -inf, for silence.

    Raises
    ------
    SpecInvError
        If a lower bound is above the upper one, is negative, or is NaN; or shapes do not fit.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv import STFT, invert
    >>> from torch_specinv.constraints import Between
    >>> wave = torch.randn(4000, generator=torch.manual_seed(0))
    >>> stft = {"n_fft": 256, "window": torch.hann_window(256)}
    >>> magnitude = STFT.of_wave(wave, **stft)(wave)
    >>> low = magnitude.floor()
    >>> constraint = Between(low, low + 1)
    >>> found = invert(low + 0.5, constraint=constraint, length=4000, verbose=False, **stft)
    >>> bool(found.history["sc"][-1] < -25)
    True
    """

    low: Numbers
    high: Numbers
    bands: MelBands | None = None

    def __post_init__(self) -> None:
        low, high = as_tensor(self.low, "low"), as_tensor(self.high, "high")
        bands: Any = self.bands
        if bands is not None and not isinstance(bands, MelBands):
            raise SpecInvError(
                f"bands is a {type(bands).__name__}: expected "
                "torch_specinv.constraints.MelBands(mel, n_fft)."
            )
        if low.shape != high.shape or low.is_complex() or high.is_complex():
            raise SpecInvError(
                f"low has shape {tuple(low.shape)} and dtype {low.dtype}, high {tuple(high.shape)} "
                f"and {high.dtype}: expected two real tensors of one shape."
            )
        wrong = ~(low <= high)  # NaN is wrong, too
        if bool(wrong.any()):
            first = tuple(wrong.nonzero()[0].tolist())
            raise SpecInvError(
                f"low is not below high in {int(wrong.sum())} places, the first at index {first}: "
                f"{float(low[first]):.4g} and {float(high[first]):.4g}. Exchanged?"
            )
        if self.bands is None:
            check_spectrogram(low, "low")
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    def _tensors(self) -> tuple[Tensor, Tensor]:
        assert isinstance(self.low, Tensor)
        assert isinstance(self.high, Tensor)
        return self.low, self.high

    def bins(self, rows: int) -> int:
        """Return the bins under the bands."""
        if self.bands is None:
            return rows
        return (
            self.bands(torch.zeros(rows, 1)).bins
            if self.bands.n_fft is None
            else (self.bands.n_fft // 2 + 1)
        )

    def check(self, spec: Tensor) -> None:
        """Raise unless there are bounds for each value."""
        for name, tensor in zip(("low", "high"), self._tensors(), strict=True):
            check_fits(tensor, spec, name)

    def select(self, items: Tensor) -> Between:
        """Return the bounds of some items."""
        low, high = self._tensors()
        return Between(of_items(low, items), of_items(high, items), self.bands)

    def of(self, spec: Tensor, stft: STFT) -> Constraint:
        """Return the constraint for (batch, rows, frames)."""
        target = magnitudes_of(spec)
        low, high = (with_batch(tensor.to(target), target) for tensor in self._tensors())
        if self.bands is None:
            return MagnitudesBetween(check_spectrogram(target), low, high)
        check_finite(target, "spec")
        most = torch.finfo(target.dtype).max
        made, least = self.bands(target), self.bands(target).target.new_zeros(())
        used = self.bands.bank(target.shape[-2])[0].sum(1) > 0  # the others say nothing
        bounds: list[Tensor] = []
        for bound, extreme in ((low, least), (high, least + most)):
            finite = bound.isfinite()
            values = self.bands(torch.where(finite, bound, target)).target
            bounds.append(torch.where(finite[:, used.to(finite.device)], values, extreme))
        known = {each.name: getattr(made, each.name) for each in fields(made)}
        return BandsBetween(**known, low=bounds[0], high=bounds[1])


def _clip(x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    return torch.minimum(torch.maximum(x, low), high)


def _scale_bounds(made: _T, unit: Tensor) -> _T:
    for name in ("low", "high"):
        object.__setattr__(made, name, (getattr(made, name) / unit).mT.contiguous().mT)
    return made
