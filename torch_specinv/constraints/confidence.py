r"""How sure one is of each magnitude: from 0, not known at all, to 1, right.

With weights w the error is :math:`\sum w (|c| - S)^2`, and a projection goes so far:

.. math:: c \leftarrow c + w \, (P_S(c) - c) .

Where w is 0, what is consistent with the rest fills the gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..checks import check_spectrogram
from ..errors import SpecInvError
from ..tensors import Numbers
from ..transform.stft import STFT
from .base import Constraint
from .magnitude import Magnitude, magnitudes_of
from .maker import ConstraintMaker, check_fits, of_items, with_batch
from .weights import check_something_known, read_weights, weighted_squares


@dataclass(frozen=True, eq=False)
class Weighted(Magnitude):
    """Magnitudes with a weight for each, (batch, bins, frames). :class:`Confidence` makes it."""

    target: Tensor
    weight: Tensor
    tensors: ClassVar[tuple[str, ...]] = ("target", "weight")

    is_nearest_point = False

    def start(self, magnitude: Tensor, phase: Tensor) -> Tensor:
        """Start from the guess; where nothing is known, a given phase may be anything."""
        return super().start(magnitude, torch.where(self.weight > 0, phase, 0))

    def project(self, spectrum: Tensor) -> Tensor:
        """Go towards the nearest spectrum with that magnitude, as far as the weight says."""
        return torch.lerp(spectrum, super().project(spectrum), self.weight.to(spectrum.dtype))

    def spread(self, factors: Tensor) -> Tensor | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return None: what is not known would count as wrong."""
        return None

    def error(self, observed: Tensor) -> Tensor:
        """Return the weighted squared distance."""
        return weighted_squares(self.weight, observed - self.target)

    @property
    def energy(self) -> Tensor:
        """The weighted sum of the squared target."""
        return weighted_squares(self.weight, self.target)


@dataclass(frozen=True, eq=False)
class Confidence(ConstraintMaker):
    """Magnitudes that are not equally sure: ``invert(spec, constraint=Confidence(weight))``.

    Bins of weight 0 may hold anything: they are filled by what is consistent with the others. So
    gaps in time or frequency are inpainted. The error, and the metrics "sc" and "ser" which follow
    from it, use the weights.

    Parameters
    ----------
    weight : Tensor, optional
        From 0 to 1, (..., bins, frames), for each item or for all. Default: 1.
    missing : bool, default False
        Whether magnitudes that are NaN or infinite have the weight 0. Else they are refused.

    Raises
    ------
    SpecInvError
        If weights are not what they should be, or nothing is known of an item.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv import STFT, invert
    >>> from torch_specinv.constraints import Confidence
    >>> wave = torch.sin(0.1 * torch.arange(4000))
    >>> stft = {"n_fft": 256, "window": torch.hann_window(256)}
    >>> magnitude = STFT.of_wave(wave, **stft)(wave)
    >>> magnitude[:, 20] = torch.nan
    >>> found = invert(magnitude, constraint=Confidence(missing=True), verbose=False, **stft)
    >>> bool(found.history["sc"][-1] < -25)
    True
    """

    weight: Numbers | None = None
    missing: bool = False

    def __post_init__(self) -> None:
        if self.weight is None and not self.missing:
            raise SpecInvError(
                "Confidence() says nothing: pass weight=, or missing=True for magnitudes with NaN."
            )
        if self.weight is not None:
            object.__setattr__(self, "weight", read_weights(self.weight))

    def check(self, spec: Tensor) -> None:
        """Raise unless there is a weight for each magnitude."""
        if isinstance(self.weight, Tensor):
            check_fits(self.weight, spec, "weight")

    def select(self, items: Tensor) -> Confidence:
        """Return the weights of some items."""
        weight = self.weight
        return Confidence(
            of_items(weight, items) if isinstance(weight, Tensor) else weight, self.missing
        )

    def of(self, spec: Tensor, stft: STFT) -> Constraint:
        """Return the constraint for magnitudes (batch, bins, frames)."""
        target = magnitudes_of(spec)
        weight = torch.ones_like(target)
        if isinstance(self.weight, Tensor):
            weight = with_batch(self.weight.to(target), target)
        known = weight > 0
        if stft.frame_mask is not None:
            known = known & stft.frame_mask.unsqueeze(1)
        if self.missing:
            known = known & target.isfinite()
        target = check_spectrogram(torch.where(known, target, 0))
        check_something_known(known)
        return Weighted(target, torch.where(known, weight, 0))
