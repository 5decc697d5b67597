"""A mel spectrogram, or any sums over bins, as a constraint: what ``mel=`` stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..checks import check_finite, check_tensor
from ..errors import SpecInvError, check_count, warn
from ..mel import MelSpec
from ..mel.plausible import check_restored, implied_peak
from ..transform.geometry import ConventionWarning
from ..transform.sizes import bin_count
from .bands import Bands


@dataclass(frozen=True, eq=False)
class MelBands:
    """Makes the constraint of bands whose conventions, or whose bank, are known.

    Parameters
    ----------
    mel : MelSpec or Tensor
        The conventions, or a matrix (bands, bins) that is not negative.
    n_fft : int, optional
        Of the STFT under the bands; conventions need it.
    window : Tensor, optional
        Of that STFT, for levels that no sound has. Default: a Hann window.
    usual : bool, default False
        Whether these are a known recipe's, whose bands without a bin are no mistake.
    """

    mel: MelSpec | Tensor
    n_fft: int | None = None
    window: Tensor | None = None
    usual: bool = False

    def __call__(self, target: Tensor) -> Bands:
        """Return the constraint for bands (batch, bands, frames) as they were recorded."""
        mel, bands = self.mel, target.shape[-2]
        n_fft = None if self.n_fft is None else check_count("n_fft", self.n_fft)
        check_finite(target, "spec")
        if isinstance(mel, MelSpec):
            if n_fft is None:
                raise SpecInvError("n_fft is needed with mel=: the bands do not tell it.")
            bank, power, values = mel.bank(n_fft, bands), mel.power, mel.restore(target)
            window = torch.hann_window(n_fft, device="cpu") if self.window is None else self.window
            peak = implied_peak(values, window, n_fft, bank, power)
            check_restored(target, values, mel, peak)
        else:
            bank, power, values = _check_bank(mel, bands, n_fft), 1.0, target
            if bool((values < 0).any()):
                raise SpecInvError(
                    f"spec holds negative values (smallest: {float(values.min()):.4g}): undo the "
                    "logarithm first."
                )
        used = bank.sum(1) > 0
        if not bool(used.all()):
            if not self.usual:
                empty = (~used).nonzero().flatten().tolist()
                warn(
                    f"{len(empty)} of {bands} mel bands have no bin of n_fft={n_fft} in them (the "
                    f"first: {empty[0]}) and are ignored. A larger n_fft, or fewer bands?",
                    ConventionWarning,
                )
            bank, values = bank[used], values[..., used.to(values.device), :]
        return Bands.of(values, bank, power)


def _check_bank(bank: Any, bands: int, n_fft: int | None) -> Tensor:
    """Check a matrix (bands, bins) that was given instead of a description."""
    check_tensor(bank, "mel")
    if bank.ndim != 2 or not bank.is_floating_point() or bool((bank < 0).any()):
        raise SpecInvError(
            f"mel has shape {tuple(bank.shape)} and dtype {bank.dtype}: expected a MelSpec, or a "
            "matrix (bands, bins) that is not negative."
        )
    if bank.shape[0] != bands:
        raise SpecInvError(
            f"mel has {bank.shape[0]} bands, spec {bands}: the bank that made spec has as many "
            "rows as spec."
        )
    if n_fft is not None and bank.shape[1] != bin_count(n_fft):
        raise SpecInvError(
            f"mel has {bank.shape[1]} bins, but n_fft={n_fft} has {bin_count(n_fft)}."
        )
    return bank.detach().to("cpu", torch.float64)
