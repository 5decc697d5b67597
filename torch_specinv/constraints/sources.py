r"""Sources that add up to a mixture, each of which has a known magnitude.

With :math:`X` the spectrum of the mixture and :math:`C_j` those of the sources, what is lacking is
divided among them before they become waves:

.. math:: C_j \leftarrow C_j + \lambda \, w_j \Bigl( X - \sum_i C_i \Bigr), \qquad \sum_j w_j = 1 .

For :math:`\lambda = 1` they add up to the mixture. Synthesis is linear, and so do the waves. With
equal shares :math:`w_j` they are the nearest spectra that do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from .magnitude import Magnitude


@dataclass(frozen=True, eq=False)
class Sources(Magnitude):
    """The magnitudes of the sources of each item, (batch, sources, bins, frames).

    :class:`~torch_specinv.constraints.Mixture` makes it. Every tensor that belongs to an item has
    one more dimension than elsewhere: waves are (batch, sources, samples).
    """

    target: Tensor
    mixture: Tensor
    """Complex, (batch, bins, frames)."""
    wave: Tensor | None = None
    """The waveform of the mixture, (batch, samples), where it was given as such."""
    shares: Tensor | None = None
    """Of what is lacking, (batch, sources, bins, frames), adding up to 1; None for equal ones."""
    weight: Tensor | None = None
    """How much of it is divided, from 0 to 1, (batch, bins, frames); None for all of it."""
    mixes: bool = True
    """Whether spectra are made to add up before synthesis; else an algorithm does it itself."""
    tensors: ClassVar[tuple[str, ...]] = ("target", "mixture", "shares", "weight")

    @property
    def is_nearest_point(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Equal shares of all that is lacking lead to the nearest spectra that add up."""
        return self.shares is None and self.weight is None and self.mixes

    def spread(self, factors: Tensor) -> Tensor | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return None: magnitudes that are followed in part only would leave the mixture."""
        return None

    def own_start(self) -> Tensor:
        """Return the mixture for each source: its phase is the one to start from."""
        return self.mixture.unsqueeze(1).expand(self.target.shape)

    @property
    def share(self) -> Tensor | float:
        """The share of each source in what is lacking."""
        return 1 / self.target.shape[1] if self.shares is None else self.shares

    def mix(self, spectra: Tensor) -> Tensor:
        """Divide what is lacking of the mixture among spectra (batch, sources, bins, frames)."""
        lacking = self.mixture - spectra.sum(1)
        if self.weight is not None:
            lacking = lacking * self.weight
        if self.shares is None:
            return spectra + (lacking / spectra.shape[1]).unsqueeze(1)
        return spectra + lacking.unsqueeze(1) * self.shares

    def before_synthesis(self, spectrum: Tensor) -> Tensor:
        """Let the spectra of the sources add up to that of the mixture."""
        return self.mix(spectrum) if self.mixes else spectrum

    def finish(self, wave: Tensor) -> Tensor:
        """Let waves (batch, sources, samples) add up to the mixture where no frame sees them."""
        if self.wave is None or self.weight is not None:
            return wave
        return wave + ((self.wave - wave.sum(1)) / wave.shape[1]).unsqueeze(1)

    def scaled(self, scale: Tensor) -> Sources:
        """Return the constraint for waves that are divided by `scale`, (batch, 1, 1, 1)."""
        mixture = (self.mixture / scale[:, 0]).mT.contiguous().mT
        wave = None if self.wave is None else self.wave / scale[:, 0, 0]
        return replace(super().scaled(scale), mixture=mixture, wave=wave)

    def select(self, items: Tensor | slice) -> Sources:
        """Keep some items of the batch."""
        wave = None if self.wave is None else self.wave[items]
        return replace(super().select(items), wave=wave)

    def map_tensors(self, function: Callable[[Tensor], Tensor]) -> Sources:
        """Apply a function to each of the fields that there are."""
        given = {name: getattr(self, name) for name in self.tensors}
        return replace(
            self, **{name: function(value) for name, value in given.items() if value is not None}
        )


def magnitude_shares(magnitude: Tensor, power: int) -> Tensor:
    """Return the share of each source in the sum of their magnitudes to a power.

    Where all are silent they are equal. `magnitude` is (batch, sources, bins, frames).
    """
    loudest = magnitude.amax(1, keepdim=True)
    some = loudest > 0
    relative = torch.where(some, magnitude / torch.where(some, loudest, 1), 1) ** power
    return relative / relative.sum(1, keepdim=True)
