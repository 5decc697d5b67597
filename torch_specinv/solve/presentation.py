"""What a user gets to see of waves and results: the shape and the dtype of the input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..errors import warn
from .result import Inversion


@dataclass(frozen=True)
class Presentation:
    """The batch dimensions of the metrics, and the dtype and the shape of the waves.

    Inside, everything has one batch dimension, and half precision is lifted to float32.
    """

    batch: torch.Size
    dtype: torch.dtype
    shape: tuple[int, ...]
    finish: Callable[[Tensor], Tensor] | None = None
    """Undoes what a recipe does to waves (items, samples) before their STFT."""

    def wave(self, wave: Tensor) -> Tensor:
        """Round (items, samples) to the dtype of the input, and warn of what it can't hold."""
        if self.finish is not None:
            wave = self.finish(wave)
        rounded = wave.to(self.dtype)
        if self.dtype == torch.float16 and not bool(torch.isfinite(rounded).all()):
            warn(
                f"the wave reaches {float(wave.detach().abs().max()):.3g}, more than float16 "
                "holds: pass spec.float(), or scale it.",
                RuntimeWarning,
            )
        return rounded.reshape(self.shape)

    def values(self, values: Tensor) -> Tensor:
        """Reshape (..., items) to (..., *batch)."""
        return values.reshape((*values.shape[:-1], *self.batch))

    def result(self, result: Inversion) -> Inversion:
        """Give a result with one batch dimension these dimensions and this dtype."""
        return replace(
            result,
            wave=self.wave(result.wave),
            history={name: self.values(rows) for name, rows in result.history.items()},
            iterations=self.values(result.iterations),
            inconsistency=self.values(result.inconsistency),
        )
