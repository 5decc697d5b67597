"""A mel spectrogram, or any sums over bins, as a constraint: what ``mel=`` stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..checks import check_finite, check_values
from ..derivatives import holds, is_differentiated
from ..errors import SpecInvError, check_count, warn
from ..mel import MelSpec, Preset
from ..mel.matrix import Matrix
from ..mel.plausible import check_restored, implied_peak
from ..tensors import as_tensor
from ..transform.geometry import ConventionWarning
from ..transform.named_windows import read_window
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

    def __post_init__(self) -> None:
        window = read_window(self.window)
        if isinstance(window, Tensor):
            check_values(window, "window", silent=False)
            if self.n_fft is not None and len(window) > check_count("n_fft", self.n_fft):
                raise SpecInvError(
                    f"window has {len(window)} samples, more than n_fft={self.n_fft}."
                )
        elif window is not None:
            raise SpecInvError(f"window={window!r}: expected a tensor (win_length,).")
        object.__setattr__(self, "window", window)

    def __call__(self, target: Tensor) -> Bands:
        """Return the constraint for bands (batch, bands, frames) as they were recorded."""
        mel, bands = self.mel, target.shape[-2]
        n_fft = None if self.n_fft is None else check_count("n_fft", self.n_fft)
        check_finite(target, "spec")
        bank, power = self.bank(bands)
        if isinstance(mel, MelSpec):
            values = mel.restore(target)
            length = 2 * (bank.shape[1] - 1) if n_fft is None else n_fft
            window = torch.hann_window(length, device="cpu") if self.window is None else self.window
            peak = implied_peak(values, window, length, bank, power)
            check_restored(target, values, mel, peak)
        else:
            values = target
            if is_differentiated(read_bank(mel)):
                bank = read_bank(mel).double().cpu()
            if holds(values < 0):
                raise SpecInvError(
                    f"spec holds negative values (smallest: {float(values.min()):.4g}): undo the "
                    "logarithm first."
                )
        used = bank.sum(1) > 0
        if not bool(used.any()):
            raise SpecInvError(
                f"n_fft={n_fft} has no bin in any of the {bands} mel bands: a larger n_fft?"
            )
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

    def bank(self, bands: int) -> tuple[Tensor, float]:
        """Return the bank (bands, bins) and the power of the magnitudes that it adds up."""
        n_fft = None if self.n_fft is None else check_count("n_fft", self.n_fft)
        if isinstance(self.mel, MelSpec):
            return self.mel.bank(n_fft, bands), self.mel.power
        return Matrix.of(read_bank(self.mel), "mel").fit(bands, n_fft, "mel"), 1.0


def read_bank(bank: Any) -> Tensor:
    """Return a bank as a tensor, or say where the conventions of a preset are passed."""
    if isinstance(bank, (str, Preset)):
        what = f"preset={bank!r}" if isinstance(bank, str) else "preset"
        raise SpecInvError(
            f"mel is {'a name' if isinstance(bank, str) else 'a Preset'}, which says the STFT as "
            f"well: pass it as {what} instead. mel= takes a MelSpec or a matrix (bands, bins)."
        )
    return as_tensor(bank, "mel")
