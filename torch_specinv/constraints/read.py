"""From what a user holds, a magnitude or bands of one, to what the spectrum has to satisfy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..checks import check_finite, check_tensor, compute_dtype
from ..errors import SpecInvError, check_count, warn
from ..mel import MelSpec
from ..transform.geometry import ConventionWarning
from .bands import Bands
from .base import Constraint
from .magnitude import Magnitude


@dataclass(frozen=True, eq=False)
class Observation:
    """Linear values (..., rows, frames) and what they are of a spectrum with so many bins."""

    values: Tensor
    bins: int
    constraint: Callable[[Tensor], Constraint]
    power: float = 1.0

    def spectrogram(self) -> Tensor:
        """Return something shaped as the spectrogram, to read a geometry from."""
        shape = (*self.values.shape[:-2], self.bins, self.values.shape[-1])
        return self.values.detach().new_zeros(()).expand(shape)


def read_observation(spec: Tensor, mel: MelSpec | Tensor | None, n_fft: Any) -> Observation:
    """Read a magnitude, a complex spectrum, or bands as `mel` describes them."""
    if mel is None:
        if spec.is_complex():
            # half precision has no complex absolute value
            spec = spec.to(compute_dtype(spec.dtype).to_complex()).abs()
        return Observation(spec, spec.shape[-2], Magnitude)
    if spec.is_complex() or not spec.is_floating_point() or spec.ndim < 2 or spec.numel() == 0:
        raise SpecInvError(
            f"spec has shape {tuple(spec.shape)} and dtype {spec.dtype}: with mel= it is real, "
            "(..., bands, frames)."
        )
    check_finite(spec, "spec")
    n_fft = check_count("n_fft", n_fft) if n_fft is not None else None
    bands = spec.shape[-2]
    if isinstance(mel, MelSpec):
        if n_fft is None:
            raise SpecInvError("n_fft is needed with mel=: the bands do not tell it.")
        bank, power = mel.bank(n_fft, bands), mel.power
        values = mel.restore(spec.to(compute_dtype(spec.dtype)))
    else:
        bank, power, values = _check_bank(mel, bands, n_fft), 1.0, spec
        values = values.to(compute_dtype(spec.dtype))
    if bool((values < 0).any()):
        raise SpecInvError(
            f"spec holds negative values (smallest: {float(values.min()):.4g}), but {mel!r} says "
            "that it is linear. A logarithm? Say which, for example log='ln'; "
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
    return Observation(values, bank.shape[1], partial(Bands.of, bank=bank, power=power), power)


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
    if n_fft is not None and bank.shape[1] != n_fft // 2 + 1:
        raise SpecInvError(f"mel has {bank.shape[1]} bins, but n_fft={n_fft} has {n_fft // 2 + 1}.")
    return bank.detach().to("cpu", torch.float64)
