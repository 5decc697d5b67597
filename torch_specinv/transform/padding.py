r"""Padding of a signal at both ends, and its adjoint.

Each padded sample is a copy of one sample of the signal (or a zero), so padding is a selection
matrix :math:`R`. Its adjoint :math:`R^T` *folds*: every copy is added back to where it was taken
from. Trimming instead of folding is what makes the usual inverse STFT an oblique projection.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from ..derivatives import is_differentiated
from ..errors import SpecInvError

PAD_MODES = ("reflect", "constant", "replicate", "circular")


def least_length(amount: int, mode: str) -> int:
    """Return how many samples a signal needs to be padded by `amount` on both sides."""
    return {"reflect": amount + 1, "circular": max(amount, 1)}.get(mode, 1)


def check_padding(length: int, amount: int, mode: str, allowed: range) -> None:
    """Raise if a signal of `length` samples is too short to be padded; `allowed` lengths help."""
    least = least_length(amount, mode)
    if length >= max(least, 1):
        return
    if least < allowed.stop:
        cure = f"pass length={least}..{allowed.stop - 1}"
    else:
        cure = "use more frames, or pad_mode='constant' with a length"
    raise SpecInvError(
        f"the waveform would have {length} samples, too few for center=True with "
        f"pad_mode={mode!r}, which needs at least {max(least, 1)}: {cure}, or center=False."
    )


def pad(wave: Tensor, amount: int, mode: str) -> Tensor:
    """Pad (batch, length) by `amount` samples at both ends as torch.stft does."""
    if amount == 0:
        return wave
    if mode == "reflect" and not is_differentiated(wave):  # a single pass, see below
        return F.pad(wave, (amount, amount), mode=mode)
    padded = F.pad(wave, (amount, amount))
    fill_ends(padded, amount, mode)
    return padded


def reflect(wave: Tensor, amount: int) -> Tensor:
    """Pad (batch, length) by reflection, with a gradient that is the same in every run.

    That of torch's own padding is not on CUDA, where it fails under
    :func:`torch.use_deterministic_algorithms`.
    """
    if torch.are_deterministic_algorithms_enabled():
        return pad(wave, amount, "reflect")
    return F.pad(wave, (amount, amount), mode="reflect")


def fill_ends(padded: Tensor, amount: int, mode: str) -> None:
    """Write into (batch, length + 2 amount), in place, what pads the samples in between."""
    if amount == 0 or mode == "constant":
        return
    wave = padded[:, amount:-amount]
    if mode == "reflect":
        left, right = wave[:, 1 : amount + 1].flip(-1), wave[:, -1 - amount : -1].flip(-1)
    elif mode == "circular":
        left, right = wave[:, -amount:], wave[:, :amount]
    else:  # replicate
        left, right = wave[:, :1], wave[:, -1:]
    padded[:, :amount] = left
    padded[:, -amount:] = right


def fold(padded: Tensor, amount: int, mode: str) -> Tensor:
    """Apply the adjoint of :func:`pad`: (batch, length + 2 amount) to (batch, length)."""
    if amount == 0:
        return padded
    if mode != "constant":
        padded = padded.clone()
        fold_ends(padded, amount, mode)
    return padded[:, amount:-amount]


def fold_ends(padded: Tensor, amount: int, mode: str) -> None:
    """Add the ends of (batch, length + 2 amount), in place, to what they are padding of."""
    if amount == 0 or mode == "constant":
        return
    left, wave, right = padded[:, :amount], padded[:, amount:-amount], padded[:, -amount:]
    length = wave.shape[-1]
    if mode == "reflect":
        wave[:, 1 : amount + 1].add_(left.flip(-1))
        wave[:, length - 1 - amount : length - 1].add_(right.flip(-1))
    elif mode == "circular":
        wave[:, length - amount :].add_(left)
        wave[:, :amount].add_(right)
    else:  # replicate
        wave[:, 0].add_(left.sum(-1))
        wave[:, -1].add_(right.sum(-1))
