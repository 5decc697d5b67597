"""What all losses share: the check of a pair, distances, and the reduction over a batch."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from .. import checks
from ..derivatives import holds
from ..errors import SpecInvError

REDUCTIONS = ("mean", "sum", "none")
DISTANCES = ("L1", "L2")


def check_pair(x: Any, y: Any, dims: int, what: str, *, real: bool = True) -> tuple[Tensor, Tensor]:
    """Return an estimate and a target after :func:`torch_specinv.checks.check_pair`.

    Values that are not finite raise where torch looks for them.
    """
    x, y = checks.check_pair(x, y, dims, what, real=real)
    # the debug mode is torch's own: torch.autograd.set_detect_anomaly(True)
    if not torch.compiler.is_compiling() and torch.is_anomaly_enabled():
        for name, tensor in (("x", x), ("y", y)):
            if holds(~torch.isfinite(tensor)):
                raise SpecInvError(f"{name} holds NaN or infinite values.")
    return x, y


def reduce(values: Tensor, reduction: str) -> Tensor:
    """Return the losses of all items, or their mean or sum.

    The gradient of a loss that is NaN is NaN as well: torch's own of absolute values is 0 there.
    """
    if values.requires_grad:
        values = values * torch.where(values.detach().isnan(), math.nan, 1)
    if reduction == "none":
        return values
    return values.mean() if reduction == "mean" else values.sum()


def mean_distance(x: Tensor, y: Tensor, metric: str, dims: int) -> Tensor:
    """Return the mean absolute or squared difference over the last dimensions."""
    difference = x - y
    values = difference.abs() if metric == "L1" else (difference * difference.conj()).real
    return values.mean(tuple(range(-dims, 0)))
