"""What a user gets to see of waves and results: the shape and the dtype of the input."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..derivatives import is_hidden
from ..errors import warn
from .result import Inversion, Status


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
        """Return waves (items, samples) as the user gets them, in the dtype of the input."""
        if self.finish is not None:
            wave = self.finish(wave)
        return wave.to(self.dtype).reshape(self.shape)

    def values(self, values: Tensor) -> Tensor:
        """Reshape (..., items) to (..., *batch)."""
        return values.reshape((*values.shape[:-1], *self.batch))

    def result(self, result: Inversion) -> Inversion:
        """Give a result with one batch dimension these dimensions and this dtype."""
        wave = self.wave(result.wave)
        self._warn_unless_finite(wave, result)
        return replace(
            result,
            wave=wave,
            history={name: self.values(rows) for name, rows in result.history.items()},
            iterations=self.values(result.iterations),
            inconsistency=self.values(result.inconsistency),
            per_source={
                name: values.reshape((*self.batch, *values.shape[1:]))
                for name, values in result.per_source.items()
            },
        )

    def _warn_unless_finite(self, wave: Tensor, result: Inversion) -> None:
        """Warn of items that diverged, and of waves that the dtype of the input can't hold."""
        diverged = [i for i, status in enumerate(result.status) if status is Status.NOT_FINITE]
        if diverged:
            warn(
                f"{_items(diverged, len(result.status))} diverged: the best wave before that is "
                "returned. Other hyperparameters, or another start?",
                RuntimeWarning,
            )
        if is_hidden(wave):
            return
        # two passes without a copy, which NaN does not pass
        flat = wave.detach().reshape(len(result.status), -1)
        finite = (flat.amin(1) > -math.inf) & (flat.amax(1) < math.inf)
        if bool(finite.all()):
            return
        which = _items((~finite).nonzero().flatten().tolist(), len(finite))
        peak = float(result.wave.detach().abs().max())
        cause = (
            f"the wave reaches {peak:.3g}, more than float16 holds: pass spec.float(), or scale it."
            if math.isfinite(peak) and self.dtype == torch.float16
            else "a spectrum or a start beyond what the dtype holds? Scale it."
        )
        warn(f"{which}: the wave is not finite; {cause}", RuntimeWarning)


def _items(numbers: list[int], count: int) -> str:
    """Name items of a batch in a message."""
    if count == 1:
        return "the inversion"
    shown = ", ".join(map(str, numbers[:5])) + (", ..." if len(numbers) > 5 else "")
    return f"{len(numbers)} of {count} items ({shown})"
