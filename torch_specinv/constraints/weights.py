"""Weights between 0 and 1."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..errors import SpecInvError, read_number, shown
from ..tensors import any_tensor


def read_weights(weight: Any, name: str = "weight") -> float | Tensor:
    """Return weights, a number or a tensor, if they lie between 0 and 1 and are not all 0."""
    if not isinstance(weight, (list, tuple)) and not getattr(weight, "ndim", 0):
        number = read_number(weight)
        if not 0 < number <= 1:
            raise SpecInvError(
                f"{name}={shown(weight)}: expected a number above 0 and at most 1, or a tensor of "
                "them. (0 leaves nothing that is known.)"
            )
        return weight if isinstance(weight, Tensor) else number
    weight = any_tensor(weight, name)
    if not weight.is_floating_point() or weight.numel() == 0:
        raise SpecInvError(
            f"{name} has dtype {weight.dtype} and shape {tuple(weight.shape)}: expected floating "
            f"numbers from 0 to 1. A mask? Use {name}.float()."
        )
    values = weight.detach()
    bad = ~((values >= 0) & (values <= 1))  # NaN is bad, too
    if bool(bad.any()):
        first = tuple(bad.nonzero()[0].tolist())
        raise SpecInvError(
            f"{name} holds {float(values[first]):.4g} at index {first}: expected numbers from 0, "
            "not known, to 1, known. Decibels, or variances? Map them to that range first."
        )
    if not bool((values > 0).any()):
        raise SpecInvError(f"{name} is 0 everywhere: nothing is known. Is it 1 - {name}?")
    return weight


def check_something_known(known: Tensor) -> None:
    """Raise for an item (batch, ...) of which nothing is known."""
    empty = ~known.flatten(1).any(1)
    if bool(empty.any()):
        raise SpecInvError(
            f"item {int(empty.nonzero()[0])} has no magnitude that is known: all weights are 0."
        )


def weighted_squares(weight: Tensor, values: Tensor) -> Tensor:
    """Return the sum of weighted squares of each item, (batch,)."""
    return (weight * values.square()).flatten(1).sum(1)
