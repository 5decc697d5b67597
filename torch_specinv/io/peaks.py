"""Waves beyond 1."""

from __future__ import annotations

from torch import Tensor

from ..errors import SpecInvError, check_choice
from ..tensors import as_tensor

#: What can be done with waves beyond 1.
PEAKS = ("keep", "normalise", "clip", "error")


def fit_peak(wave: Tensor, how: str) -> Tensor:
    """Bring a wave whose peak is beyond 1 to what players and most formats hold.

    Parameters
    ----------
    wave : Tensor
        Any shape, real.
    how : str
        "keep" leaves it, "normalise" divides it by its peak, "clip" cuts it at -1 and 1, and
        "error" refuses it.

    Raises
    ------
    SpecInvError
        If it is refused.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.io import fit_peak
    >>> fit_peak(torch.tensor([0.5, -2.0]), "normalise")
    tensor([ 0.2500, -1.0000])
    """
    check_choice("how", how, PEAKS)
    wave = as_tensor(wave, "wave")
    if wave.is_complex():
        raise SpecInvError(f"wave has dtype {wave.dtype}: expected real numbers.")
    peak = float(wave.detach().abs().max()) if wave.numel() else 0.0
    if how == "keep" or not peak > 1:
        return wave
    if how == "error":
        raise SpecInvError(f"the wave reaches {peak:.3g}, beyond 1: is the recipe right?")
    return wave.clamp(-1, 1) if how == "clip" else wave / peak
