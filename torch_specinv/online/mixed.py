"""Sources whose frames come with a frame of their mixture, and add up to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from ..checks import check_finite
from ..constraints.magnitude import Magnitude
from ..errors import SpecInvError
from ..tensors import Numbers, as_tensor


@dataclass(frozen=True, eq=False)
class MixedFrames(Magnitude):
    """Magnitudes of sources, (streams, bins, frames); those of one mixture follow each other."""

    target: Tensor
    mixture: Tensor
    """The spectrum of the mixture of each source, of the same shape, at the level of the input."""
    sources: int
    """How many add up to a mixture."""
    unit: Tensor
    """What the waves of each source were divided by, (streams, 1, 1)."""
    tensors: ClassVar[tuple[str, ...]] = ("target", "mixture")

    def own_start(self) -> Tensor:
        """Return the mixture: its phase is the one to start from."""
        return self.mixture

    def before_synthesis(self, spectrum: Tensor) -> Tensor:
        """Divide what is lacking of the mixture equally among its sources."""
        every = (spectrum * self.unit).unflatten(0, (-1, self.sources))
        lacking = self.mixture[:: self.sources] - every.sum(1)
        added = (lacking / self.sources).unsqueeze(1).expand_as(every).flatten(0, 1)
        return spectrum + added / self.unit

    def scaled(self, scale: Tensor) -> MixedFrames:
        """Return the constraint for waves that are divided by `scale`, each by its own."""
        return replace(super().scaled(scale), unit=self.unit * scale)


@dataclass(frozen=True)
class ReadMixed:
    """Makes the constraint of rows: magnitudes, and both parts of the mixture's spectrum."""

    sources: int

    def __call__(self, rows: Tensor) -> MixedFrames:
        """Take apart (streams, 3 bins, frames)."""
        magnitude, real, imaginary = rows.chunk(3, 1)
        unit = torch.ones_like(rows[:, :1, :1])
        return MixedFrames(magnitude, torch.complex(real, imaginary), self.sources, unit)


def with_mixture(
    block: Tensor, batch: torch.Size, sources: int, mixture: Numbers | None, *, hold: bool
) -> Tensor:
    """Put the mixture behind the magnitudes of its sources, (streams, 3 bins, frames).

    Raises
    ------
    SpecInvError
        If there is no mixture, or it does not fit the frames.
    """
    if len(batch) == 0 or batch[-1] != sources:
        raise SpecInvError(
            f"frames have batch dimensions {tuple(batch)}: expected (..., {sources}), as sources="
            f"{sources} add up to a mixture."
        )
    bins, frames = block.shape[1:]
    if mixture is None:
        raise SpecInvError(
            "mixture is missing: with sources=... each push takes the frames of the sources and "
            "the complex spectrum of their mixture."
        )
    mixture = as_tensor(mixture, "mixture", block.device)
    expected = [(*batch[:-1], bins, frames), *([(*batch[:-1], bins)] if frames == 1 else [])]
    if not mixture.is_complex() or tuple(mixture.shape) not in expected:
        raise SpecInvError(
            f"mixture has shape {tuple(mixture.shape)} and dtype {mixture.dtype}: expected "
            f"complex {expected[-1]}, the STFT of the mixture for these frames."
        )
    if mixture.device != block.device:
        raise SpecInvError(f"mixture is on {mixture.device}, frames are on {block.device}.")
    if not hold:
        check_finite(mixture, "mixture")
    each = mixture.reshape(-1, 1, bins, frames).expand(-1, sources, -1, -1).flatten(0, 1)
    return torch.cat([block, each.real.to(block.dtype), each.imag.to(block.dtype)], 1)
