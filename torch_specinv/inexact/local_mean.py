"""Gaussian means over neighbouring rows and frames, with widths of each item's own."""

from __future__ import annotations

import math

import torch
from torch import Tensor

# Where a Gaussian is cut off, in standard deviations
_REACH = 3.0


class LocalMean:
    r"""Weighted means over rows and frames.

    .. math::

        \bar x[k, m] = \frac{\sum_{i, j} w_i v_j \, x[k + i, m + j]}{\sum_{i, j} w_i v_j}, \qquad
        w_i = e^{-i^2 / 2 \sigma^2}, \quad v_j = e^{-j^2 / 2 \tau^2} .

    What lies beyond the ends counts for nothing, so that a shorter item of a ragged batch has the
    means that it has alone.

    Parameters
    ----------
    rows, frames : Tensor
        The standard deviations :math:`\sigma` and :math:`\tau` of each item, (batch,). 0 takes no
        neighbours.
    shape : tuple of int
        (rows, frames) of what is averaged.
    frame_mask : Tensor, optional
        Which frames belong to an item, (batch, frames). Default: all.
    """

    def __init__(
        self,
        rows: Tensor,
        frames: Tensor,
        shape: tuple[int, int],
        frame_mask: Tensor | None = None,
    ) -> None:
        self._rows, self._frames = _weights(rows), _weights(frames)
        self._mask = None if frame_mask is None else frame_mask.unsqueeze(1).to(rows.dtype)
        every_row = rows.new_ones((len(rows), shape[0], 1))
        every_frame = rows.new_ones((len(rows), 1, shape[1]))
        every_frame = every_frame if self._mask is None else every_frame * self._mask
        self._share_rows = _sums(every_row, self._rows, 1).reciprocal()
        over_frames = _sums(every_frame, self._frames, 2)
        self._share_frames = torch.where(over_frames > 0, over_frames, 1).reciprocal()

    def __call__(self, x: Tensor) -> Tensor:
        """Return the means of (batch, rows, frames)."""
        x = x if self._mask is None else x * self._mask
        x = _sums(x, self._rows, 1) * self._share_rows
        return _sums(x, self._frames, 2) * self._share_frames


def _weights(deviation: Tensor) -> Tensor:
    """Return the weights (batch, reach + 1) of neighbours at distances 0, 1, ..."""
    reach = math.ceil(_REACH * float(deviation.max())) if len(deviation) else 0
    distance = torch.arange(reach + 1, device=deviation.device, dtype=deviation.dtype)
    scaled = distance / deviation.clamp_min(1e-3).unsqueeze(1)
    # each item's own reach, so that it does not depend on the others
    return torch.where(scaled <= _REACH, torch.exp(-0.5 * scaled.square()), 0)


def _sums(x: Tensor, weights: Tensor, dim: int) -> Tensor:
    """Add up neighbours along one dimension of (batch, rows, frames)."""
    reach, size = weights.shape[1] - 1, x.shape[dim]
    if reach == 0:
        return x
    padded = torch.nn.functional.pad(x, (0, 0, reach, reach) if dim == 1 else (reach, reach))
    total = x * weights[:, 0, None, None]
    for i in range(1, reach + 1):
        both = padded.narrow(dim, reach - i, size) + padded.narrow(dim, reach + i, size)
        total = torch.addcmul(total, both, weights[:, i, None, None])
    return total
