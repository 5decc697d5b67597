"""A mel spectrogram, or any sums over bins, as a constraint: what ``mel=`` stands for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..checks import check_finite
from ..errors import SpecInvError, check_count, warn
from ..mel import MelSpec
from ..mel.matrix import Matrix
from ..transform.geometry import ConventionWarning
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
            bank, power, values = mel.bank(n_fft, bands), mel.power, mel.restore(target)
        else:
            bank, power, values = Matrix.of(mel, "mel").fit(bands, n_fft, "mel"), 1.0, target
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
