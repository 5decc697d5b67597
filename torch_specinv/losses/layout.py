"""Which dimension of a spectrogram counts its frames, where two may differ in their number."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..errors import SpecInvError, shown
from ..tensors import as_tensor, device_of


def equally_many_frames(x: Any, y: Any, frame_dim: int | None) -> tuple[Tensor, Tensor]:
    """Return spectrograms (..., bins, frames), the longer one cut where that is asked for.

    With `frame_dim` None they are returned as they are, and have to be of one shape.
    """
    x = as_tensor(x, "x", device_of(y))
    y = as_tensor(y, "y", x.device)
    if x.ndim < 2 or x.ndim != y.ndim:
        return x, y  # what is wrong is said where the pair is checked
    dim = _read_dim(frame_dim, x.ndim)
    *lead, _, _ = range(x.ndim)
    if any(x.shape[i] != y.shape[i] for i in lead):
        return x, y
    shapes = f"x has shape {tuple(x.shape)}, y {tuple(y.shape)}"
    if dim is None:
        if x.shape != y.shape:
            raise SpecInvError(
                f"{shapes}, taken as (..., bins, frames): expected as many bins and frames in "
                "both. Say which dimension counts the frames, and those that one has more are "
                "left out: frame_dim=-1 for (..., bins, frames), frame_dim=-2 for (..., frames, "
                "bins). Or cut them yourself."
            )
        return x, y
    bins = -3 - dim
    if x.shape[bins] != y.shape[bins]:
        layout = "(..., bins, frames)" if dim == -1 else "(..., frames, bins)"
        raise SpecInvError(
            f"{shapes}: {x.shape[bins]} and {y.shape[bins]} bins in the layout {layout} that "
            f"frame_dim={frame_dim} says. Expected as many bins in both; only frames may differ "
            f"in number. Is the other layout meant, frame_dim={bins}?"
        )
    frames = min(x.shape[dim], y.shape[dim])
    x, y = x.narrow(dim, 0, frames), y.narrow(dim, 0, frames)
    return (x, y) if dim == -1 else (x.mT, y.mT)


def _read_dim(frame_dim: Any, ndim: int) -> int | None:
    """Return -1 or -2, or None as it is."""
    if frame_dim is None:
        return None
    if isinstance(frame_dim, int) and not isinstance(frame_dim, bool):
        dim = frame_dim - ndim if frame_dim >= 0 else frame_dim
        if dim in (-1, -2):
            return dim
    raise SpecInvError(
        f"frame_dim={shown(frame_dim)}: expected the dimension that counts the frames, one of the "
        "last two: -1 for (..., bins, frames), -2 for (..., frames, bins)."
    )
