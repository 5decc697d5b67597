"""The shapes in which frames are pushed, and the checks that each block of them passes."""

from __future__ import annotations

import torch
from torch import Tensor

from ..checks import check_finite
from ..derivatives import holds
from ..errors import SpecInvError
from ..negative import negative_cause
from ..tensors import Numbers, as_tensor


def read_frames(frames: Numbers, rows: int, batch: torch.Size | None) -> tuple[Tensor, torch.Size]:
    """Return frames (streams, rows, frames), and the leading dimensions that they were given in.

    Parameters
    ----------
    frames : Tensor
        Shape (..., rows), one frame of each stream, or (..., rows, frames).
    rows : int
        Rows of a frame.
    batch : torch.Size, optional
        The leading dimensions of the frames before these.

    Raises
    ------
    SpecInvError
        If the shape is none of these, or can be read as both.
    """
    frames = as_tensor(frames, "frames")
    shape = frames.shape
    if frames.is_complex():
        raise SpecInvError(
            "frames is complex: streaming makes its own phase as it goes. Push frames.abs()."
        )
    if frames.is_meta:
        raise SpecInvError("frames is on the device meta: it has a shape, but no values.")
    one = frames.ndim >= 1 and shape[-1] == rows
    several = frames.ndim >= 2 and shape[-2] == rows
    if one and several and batch is not None:
        one, several = shape[:-1] == batch, shape[:-2] == batch
    if one and several:
        raise SpecInvError(
            f"frames has shape {tuple(shape)}, which may be one frame of each of {rows} streams, "
            f"or {rows} frames: push frames[..., None] for the first, or fewer frames at first."
        )
    if not (one or several):
        raise SpecInvError(
            f"frames has shape {tuple(shape)}: expected (..., {rows}) or (..., {rows}, frames), as "
            f"a frame has {rows} rows here." + _cause(shape, rows)
        )
    given = shape[:-1] if one else shape[:-2]
    if batch is not None and given != batch:
        raise SpecInvError(
            f"frames has batch dimensions {tuple(given)}, those before it {tuple(batch)}: call "
            "reset() for other signals."
        )
    if frames.numel() == 0:
        raise SpecInvError(f"frames has shape {tuple(shape)}, which holds no values.")
    flat = frames.reshape(-1, rows, 1) if one else frames.reshape(-1, rows, shape[-1])
    return flat, given


def good_frames(block: Tensor, *, hold: bool, linear: bool) -> Tensor:
    """Return which frames of (streams, rows, frames) are numbers, (streams, 1, frames).

    Raise where some are not and frames are not to be held, and where magnitudes are negative.
    """
    if not hold:
        check_finite(block, "frames")
    if linear and holds(block < 0):
        raise SpecInvError(
            f"frames hold negative values (smallest: {float(block.min()):.4g}): a magnitude is "
            f"never negative. {negative_cause(block, 'frames')}"
        )
    return torch.isfinite(block).all(1, keepdim=True)


def _cause(shape: torch.Size, rows: int) -> str:
    if rows - 1 in shape:
        return " The Nyquist bin was dropped? Append it, for example as a zero."
    if len(shape) and 2 * (rows - 1) == shape[-1]:
        return " Samples of a waveform? Push magnitudes of its STFT."
    return " Another n_fft, or another preset?"
