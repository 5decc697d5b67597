"""Whether a derivative is wanted of anything that a waveform depends on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import is_dataclass
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor

from ..derivatives import is_differentiated, is_transformed
from ..solve.algorithm import Algorithm


def wants_gradient(*values: Any) -> bool:
    """Tell whether a derivative is wanted of the wave, or a transform of torch.func is at work."""
    return is_transformed() or any(map(_is_differentiated, values))


def _is_differentiated(value: Any) -> bool:
    """Look into algorithms, chains of them, modules, and constraints with their keywords."""
    if isinstance(value, Tensor):
        return is_differentiated(value)
    if isinstance(value, torch.nn.Module):
        return any(map(is_differentiated, (*value.parameters(), *value.buffers())))
    if isinstance(value, (tuple, list)):
        return any(map(_is_differentiated, cast(Sequence[Any], value)))
    if isinstance(value, partial):
        return any(map(_is_differentiated, (*value.args, *value.keywords.values())))
    settings = isinstance(value, Algorithm) or (is_dataclass(value) and not isinstance(value, type))
    return settings and any(map(_is_differentiated, vars(value).values()))
