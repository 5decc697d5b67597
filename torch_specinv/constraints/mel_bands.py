"""A mel spectrogram, or any sums over bins, as a constraint: what ``mel=`` stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..checks import check_finite
from ..errors import SpecInvError, check_count, warn
from ..mel import MelSpec, Preset
from ..tensors import as_tensor
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
    """

    mel: MelSpec | Tensor
    n_fft: int | None = None

    def __call__(self, target: Tensor) -> Bands:
        """Return the constraint for bands (batch, bands, frames) as they were recorded."""
        mel, bands = self.mel, target.shape[-2]
        n_fft = None if self.n_fft is None else check_count("n_fft", self.n_fft)
        check_finite(target, "spec")
        if isinstance(mel, MelSpec):
            if n_fft is None:
                raise SpecInvError("n_fft is needed with mel=: the bands do not tell it.")
            bank, power, values = mel.bank(n_fft, bands), mel.power, mel.restore(target)
        else:
            bank, power, values = _check_bank(mel, bands, n_fft), 1.0, target
        if not bool(torch.isfinite(values).all()):
            raise SpecInvError(
                f"spec reaches {float(target.max()):.4g}, and {mel!r} takes that for a logarithm, "
                "whose value overflows. Decibels, an image, or values that are linear? Say which; "
                "print(torch_specinv.diagnose(spec)) tells."
            )
        if bool((values < 0).any()):
            raise SpecInvError(
                f"spec holds negative values (smallest: {float(values.min()):.4g}), but {mel!r} "
                "says that it is linear. A logarithm? Say which, for example log='ln'; "
                "print(torch_specinv.diagnose(spec)) tells."
                if isinstance(mel, MelSpec)
                else f"spec holds negative values (smallest: {float(values.min()):.4g}): undo the "
                "logarithm first."
            )
        used = bank.sum(1) > 0
        if not bool(used.all()):
            empty = (~used).nonzero().flatten().tolist()
            warn(
                f"{len(empty)} of {bands} bands have no bin of n_fft={n_fft} in them (the first: "
                f"{empty[0]}): they say nothing and are left out. A larger n_fft, or fewer bands?",
                ConventionWarning,
            )
            bank, values = bank[used], values[..., used.to(values.device), :]
        return Bands.of(values, bank, power)


def read_bank(bank: Any) -> Tensor:
    """Return a bank as a tensor, or say where the conventions of a preset are passed."""
    if isinstance(bank, (str, Preset)):
        what = f"preset={bank!r}" if isinstance(bank, str) else "preset"
        raise SpecInvError(
            f"mel is {'a name' if isinstance(bank, str) else 'a Preset'}, which says the STFT as "
            f"well: pass it as {what} instead. mel= takes a MelSpec or a matrix (bands, bins)."
        )
    return as_tensor(bank, "mel")


def _check_bank(bank: Any, bands: int, n_fft: int | None) -> Tensor:
    """Check a matrix (bands, bins) that was given instead of a description."""
    bank = read_bank(bank)
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
