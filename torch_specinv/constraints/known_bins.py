r"""Of some bins the complex value is known, of the others the magnitude.

A partial model, packets that arrived, or what surrounds a gap. With X the known values and
:math:`\lambda` their weight, a projection sets

.. math:: c \leftarrow c + \lambda (X - c)

there, and the magnitude elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from ..checks import check_finite, check_spectrogram, lift
from ..errors import SpecInvError
from ..tensors import Numbers, any_tensor, as_tensor
from ..transform.stft import STFT
from .base import Constraint
from .magnitude import Magnitude, magnitudes_of
from .maker import ConstraintMaker, check_fits, of_items, with_batch
from .weights import check_something_known, read_weights, weighted_squares


@dataclass(frozen=True, eq=False)
class PartlyKnown(Magnitude):
    """Magnitudes, and complex values where `known`. :class:`KnownBins` makes it."""

    target: Tensor
    spectrum: Tensor
    """Complex, (batch, bins, frames); 0 where not known."""
    known: Tensor
    """Bool, (batch, bins, frames)."""
    weight: Tensor
    """How far a projection goes: of values where they are known, of magnitudes elsewhere."""
    tensors: ClassVar[tuple[str, ...]] = ("target", "spectrum", "known", "weight")
    is_nearest_point = False

    def project(self, spectrum: Tensor) -> Tensor:
        """Set what is known of each bin."""
        wanted = torch.where(self.known, self.spectrum, super().project(spectrum))
        return torch.lerp(spectrum, wanted, self.weight.to(spectrum.dtype))

    def observe(self, spectrum: Tensor) -> Tensor:
        """Return magnitudes; for known values, the magnitude plus the distance to the value."""
        away = (spectrum - self.spectrum).abs()
        return torch.where(self.known, self.target + away, spectrum.abs())

    def start(self, magnitude: Tensor, phase: Tensor) -> Tensor:
        """Start from what is known, and from the guess elsewhere."""
        guess = super().start(magnitude, phase)
        return torch.where(self.known, self.spectrum, guess)

    def spread(self, factors: Tensor) -> Tensor | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return None: known values are not to change."""
        return None

    def error(self, observed: Tensor) -> Tensor:
        """Return the weighted squared distance, phases counting where they are known."""
        return weighted_squares(self.weight, observed - self.target)

    @property
    def energy(self) -> Tensor:
        """The error of silence."""
        return weighted_squares(self.weight, self.target)

    def scaled(self, scale: Tensor) -> PartlyKnown:
        """Return the constraint for waves that are divided by `scale`."""
        spectrum = (self.spectrum / scale).mT.contiguous().mT
        return replace(super().scaled(scale), spectrum=spectrum)


@dataclass(frozen=True, eq=False)
class KnownBins(ConstraintMaker):
    """Complex values of some bins: ``invert(magnitude, constraint=KnownBins(spectrum, known))``.

    Where they are known, they replace the magnitudes of `spec`. The error counts their phases.

    Parameters
    ----------
    spectrum : Tensor
        Complex, (..., bins, frames). What is not known may be anything.
    known : Tensor
        True where it is known, bool, (..., bins, frames), for each item or for all.
    weight : float or Tensor, default 1.0
        1 holds known values fast; less, down to 0, pulls estimates there. A tensor has one weight
        for each bin, and elsewhere it is how sure the magnitudes are, as in :class:`Confidence`.

    Raises
    ------
    SpecInvError
        If the mask is not bool, is nowhere true, or shapes do not fit.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv import STFT, invert
    >>> from torch_specinv.constraints import KnownBins
    >>> wave = torch.randn(4000, generator=torch.manual_seed(0))
    >>> stft = {"n_fft": 256, "window": torch.hann_window(256)}
    >>> spectrum = STFT.of_wave(wave, **stft).analyse(wave)
    >>> known = torch.ones(spectrum.shape, dtype=torch.bool)
    >>> known[:, 20:23] = False  # the phases of three frames are lost
    >>> constraint = KnownBins(spectrum, known)
    >>> found = invert(
    ...     spectrum.abs(), "raar", constraint=constraint, length=4000, verbose=False, **stft
    ... )
    >>> bool((found.wave - wave).norm() < 0.01 * wave.norm())
    True
    """

    spectrum: Numbers
    known: Numbers
    weight: float | Numbers = 1.0

    def __post_init__(self) -> None:
        spectrum, known = as_tensor(self.spectrum, "spectrum"), any_tensor(self.known, "known")
        if not spectrum.is_complex():
            raise SpecInvError(
                f"spectrum has dtype {spectrum.dtype}: expected complex values of known bins, as "
                "torch.stft(..., return_complex=True) returns them, or torch.polar makes them."
            )
        if known.dtype != torch.bool:
            raise SpecInvError(
                f"known has dtype {known.dtype}: expected bool, True where the value is known, "
                "such as mask > 0.5."
            )
        if not bool(known.any()):
            raise SpecInvError("known is False everywhere: leave the constraint out. Is it ~known?")
        object.__setattr__(self, "weight", read_weights(self.weight))
        object.__setattr__(self, "spectrum", spectrum)
        object.__setattr__(self, "known", known)

    def _tensors(self) -> tuple[Tensor, Tensor]:
        assert isinstance(self.spectrum, Tensor)
        assert isinstance(self.known, Tensor)
        return self.spectrum, self.known

    def check(self, spec: Tensor) -> None:
        """Raise unless there are a value and a mark for each bin."""
        spectrum, known = self._tensors()
        check_fits(spectrum, spec, "spectrum")
        check_fits(known, spec, "known")
        if isinstance(self.weight, Tensor) and self.weight.ndim:
            check_fits(self.weight, spec, "weight")

    def select(self, items: Tensor) -> KnownBins:
        """Return what is known of some items."""
        spectrum, known = self._tensors()
        weight = self.weight
        if isinstance(weight, Tensor) and weight.ndim:
            weight = of_items(weight, items)
        return KnownBins(of_items(spectrum, items), of_items(known, items), weight)

    def of(self, spec: Tensor, stft: STFT) -> Constraint:
        """Return the constraint for magnitudes (batch, bins, frames)."""
        target = magnitudes_of(spec)
        spectrum, known = (with_batch(tensor, target) for tensor in self._tensors())
        spectrum = torch.where(known, lift(spectrum), 0).to(target.dtype.to_complex())
        if stft.frame_mask is not None:
            spectrum = torch.where(stft.frame_mask.unsqueeze(1), spectrum, 0)
        check_finite(spectrum, "spectrum, where it is known,")
        weight = self.weight
        if isinstance(weight, Tensor) and weight.ndim:
            weight = with_batch(weight.to(target), target)
            target = torch.where(weight > 0, target, 0)
        else:
            weight = torch.where(known, torch.as_tensor(weight).to(target), 1)
        check_something_known(weight > 0)
        target = check_spectrogram(torch.where(known, magnitudes_of(spectrum), target))
        return PartlyKnown(target, spectrum, known, weight)
