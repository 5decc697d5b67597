"""All phases zero: the simplest start, and a poor one."""

from __future__ import annotations

import torch
from torch import Tensor

from ..transform.stft import STFT
from .initial import checked, register_phase


@checked
@register_phase("zero")
def zero(magnitude: Tensor, _stft: STFT, _generator: torch.Generator | None) -> Tensor:
    """Return a phase of 0 in every bin."""
    return torch.zeros_like(magnitude)
