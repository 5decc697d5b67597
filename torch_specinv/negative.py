"""Why a spectrogram holds negative numbers, from the numbers, and what to do about it."""

from __future__ import annotations

import torch
from torch import Tensor

# Of real and imaginary parts half the values are negative, and their means are near 0
_HALF = (0.3, 0.7)
_MEAN = 0.15
# So it is in standardised logarithms too. But these are dense, neighbours in them are alike along
# both axes, and those of noise reach further down than up
_SPARSE_PARTS = 0.3
_ALIKE = 0.4
_LOPSIDED = 1.5
# Values that are sorted
_LOOKED_AT = 100_000
# What is below 0 by no more than this share of the maximum was meant to be 0, if most of the other
# values are far below the maximum too, which is so of magnitudes and not of their logarithms
_SLIGHT = 0.03
_SPARSE = 0.3


def negative_cause(spec: Tensor, name: str, logarithm: str | None = None) -> str:
    """Return the likely cause and the cure for such values in an array (..., bins, frames).

    `logarithm` is the sentence on what to do about one, by default to undo it first.
    """
    if spec.ndim > 2 and spec.shape[-1] == 2 and _is_parts(spec[..., 0], spec[..., 1]):
        return (
            f"The last dimension of {tuple(spec.shape)} looks like pairs of real and imaginary "
            f"parts: pass torch.view_as_complex({name}.contiguous())."
        )
    if spec.ndim > 2 and spec.shape[-3] == 2 and _is_parts(*spec.unbind(-3)):
        return (
            f"The channels of {tuple(spec.shape)} look like real and imaginary parts: pass "
            f"torch.complex({name}[..., 0, :, :], {name}[..., 1, :, :])."
        )
    if _is_slight(spec):
        return (
            "So small, they look like the error of a network without a ReLU, or of an "
            f"interpolation: pass {name}.clamp(min=0)."
        )
    logarithm = logarithm or (
        f"Undo the logarithm first, e.g. {name}.exp() or 10 ** ({name} / 20)."
    )
    return (
        f"This looks like a log or dB spectrogram. {logarithm} "
        f"print(torch_specinv.diagnose({name})) tells which."
    )


def _is_parts(real: Tensor, imaginary: Tensor) -> bool:
    """Whether two arrays (..., bins, frames) look like the two parts of a spectrum."""
    return all(_is_part(part.double()) for part in (real, imaginary))


def _is_part(part: Tensor) -> bool:
    size = float(part.square().mean().sqrt())
    negative = float((part < 0).double().mean() + 0.5 * (part == 0).double().mean())
    if not _HALF[0] < negative < _HALF[1] or abs(float(part.mean())) > _MEAN * size:
        return False
    if float(part.abs().median()) < _SPARSE_PARTS * size:
        return True
    along = _likeness(part[..., 1:, :], part[..., :-1, :])
    likeness = min(along, _likeness(part[..., 1:], part[..., :-1]))
    return likeness < _ALIKE and _lopsidedness(part) < _LOPSIDED


def _lopsidedness(part: Tensor) -> float:
    """Return how much further one percent of the values reach on one side than on the other."""
    flat = part.flatten()
    sorted_ = flat[:: max(1, len(flat) // _LOOKED_AT)].sort().values
    tail = len(sorted_) // 100
    low, high = abs(float(sorted_[tail])), abs(float(sorted_[-1 - tail]))
    return max(low, high) / max(min(low, high), 1e-300)


def _likeness(a: Tensor, b: Tensor) -> float:
    """Return the cosine of the angle between two arrays."""
    return float(torch.nn.functional.cosine_similarity(a.flatten(), b.flatten(), dim=0))


def _is_slight(spec: Tensor) -> bool:
    """Whether negative values are small against the largest, as is most of the rest."""
    largest = float(spec.max())
    if -float(spec.min()) > _SLIGHT * largest:
        return False
    return float(spec.double().abs().flatten().median()) < _SPARSE * largest
