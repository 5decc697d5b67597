"""Whether a gradient is wanted of anything that a waveform depends on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import is_dataclass
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor

from ..solve.algorithm import Algorithm


def wants_gradient(*values: Any) -> bool:
    """Tell whether anything that the wave depends on requires a gradient."""
    return torch.is_grad_enabled() and any(map(_requires_gradient, values))


def _requires_gradient(value: Any) -> bool:
    """Look into algorithms, chains of them, modules, and constraints with their keywords."""
    if isinstance(value, Tensor):
        return value.requires_grad
    if isinstance(value, torch.nn.Module):
        return any(parameter.requires_grad for parameter in value.parameters())
    if isinstance(value, (tuple, list)):
        return any(map(_requires_gradient, cast(Sequence[Any], value)))
    if isinstance(value, partial):
        return any(map(_requires_gradient, (*value.args, *value.keywords.values())))
    settings = isinstance(value, Algorithm) or (is_dataclass(value) and not isinstance(value, type))
    return settings and any(map(_requires_gradient, vars(value).values()))
