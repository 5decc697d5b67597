"""What two spectra are compared by: a weighted sum of terms, with their keywords listed once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypedDict

import torch
from torch import Tensor

from ..checks import check_values
from ..errors import SpecInvError, shown
from ..tensors import as_tensor
from ..transform.product import product
from .common import mean_distance
from .docstrings import documented
from .spectra import power, safe_power
from .spectral import convergence, phase_distance
from .spellings import SCALE

#: What a spectrogram is brought to another scale by: a matrix (bands, bins), or a function.
Scale = Tensor | Callable[[Tensor], Tensor]


class TermKeywords(TypedDict, total=False):
    """The fields of :class:`Terms` as keywords, but for the scale, which losses spell out."""

    w_sc: float
    w_log: float
    w_lin: float
    w_phase: float
    log_dist: str
    lin_dist: str
    log_fac: float
    log_eps: float
    power: float
    floor: float
    scale_invariant: bool
    norm: str


@documented
@dataclass(frozen=True, kw_only=True)
class Terms:
    r"""What the STFTs :math:`X, Y` of estimate and target are compared by; a weighted sum.

    With :math:`M = |X|^p`, brought to the scale, the terms are spectral convergence, the mean
    distance of :math:`\log(f M + \delta)`, that of M, and that of the phases.

    Parameters
    ----------
    {terms}
    {scale}
    {fit}
    """

    w_sc: float = 1.0
    w_log: float = 1.0
    w_lin: float = 0.0
    w_phase: float = 0.0
    log_dist: str = "L1"
    lin_dist: str = "L1"
    log_fac: float = 1.0
    log_eps: float = 0.0
    power: float = 1.0
    floor: float = 1e-4
    scale: Scale | None = None
    scale_invariant: bool = False
    norm: str = "item"

    @classmethod
    def among(cls, settings: dict[str, Any]) -> Terms:
        """Read the fields out of all settings of a loss."""
        return cls(**{field.name: settings[field.name] for field in fields(cls)})

    def __post_init__(self) -> None:
        if isinstance(self.scale, str):
            raise SpecInvError(f"scale={self.scale!r}: expected a matrix or a function. {SCALE}")
        if self.scale is not None and not callable(self.scale):
            scale = as_tensor(self.scale, "scale")
            if scale.ndim != 2 or 0 in scale.shape or scale.is_complex():
                raise SpecInvError(
                    f"scale has shape {tuple(scale.shape)} and dtype {scale.dtype}: expected a "
                    "real matrix (bands, bins), or a function."
                )
            check_values(scale, "scale")
            object.__setattr__(self, "scale", scale)
        if self.w_log and not (self.log_eps > 0 or self.floor > 0):
            raise SpecInvError("log_eps=0 and floor=0: the logarithm of silence needs one of them.")

    def compare(self, spectra_x: Tensor, spectra_y: Tensor) -> Tensor:
        """Return the loss of each item (...) from spectra (..., bins, frames)."""
        x, y = self._magnitude(spectra_x), self._magnitude(spectra_y)
        if self.scale_invariant:
            energy = y.square().sum((-2, -1), keepdim=True)
            fit = (x * y).sum((-2, -1), keepdim=True) / torch.where(energy == 0, 1, energy)
            y = y * fit
        loss = x.new_zeros(x.shape[:-2])
        if self.w_sc:
            loss = loss + self.w_sc * convergence(x, y, self.norm)
        if self.w_log:
            log_x, log_y = (torch.log(self.log_fac * m + self.log_eps) for m in (x, y))
            loss = loss + self.w_log * mean_distance(log_x, log_y, self.log_dist, 2)
        if self.w_lin:
            loss = loss + self.w_lin * mean_distance(x, y, self.lin_dist, 2)
        if self.w_phase:
            loss = loss + self.w_phase * phase_distance(spectra_x, spectra_y)
        return loss

    def _magnitude(self, x: Tensor) -> Tensor:
        if self.floor:
            squares = power(x)
            # in single precision the square of a small floor is 0
            squares = squares.clamp_min(max(self.floor**2, torch.finfo(squares.dtype).tiny))
            magnitude = squares.sqrt() if self.power == 1 else squares ** (self.power / 2)
        else:
            # the gradient of a complex absolute value is 0 at 0
            magnitude = x.abs()
            if self.power != 1:
                magnitude = safe_power(magnitude, self.power)
        if self.scale is None:
            return magnitude
        if isinstance(self.scale, Tensor):
            if self.scale.shape[1] != magnitude.shape[-2]:
                raise SpecInvError(
                    f"scale has shape {tuple(self.scale.shape)}: expected (bands, bins) with "
                    f"{magnitude.shape[-2]} bins."
                )
            return product(self.scale.to(magnitude), magnitude)
        scaled = self.scale(magnitude)
        if not isinstance(scaled, Tensor) or scaled.ndim < 2:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise SpecInvError(
                f"scale returned {shown(scaled)}: expected (..., bands, frames) for magnitudes of "
                f"shape {tuple(magnitude.shape)}."
            )
        return scaled
