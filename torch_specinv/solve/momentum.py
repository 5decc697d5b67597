"""Momentum: how far an iteration goes on in the direction of the last change."""

from __future__ import annotations

from torch import Tensor

from ..errors import check_not_negative, read_number, warn
from ..transform.geometry import ConventionWarning


def check_momentum(name: str, value: float | Tensor, hint: str = "") -> None:
    """Raise unless a momentum is finite and at least 0; warn where it is above 1."""
    check_not_negative(name, value, hint)
    if read_number(value) > 1:
        warn(
            f"{name}={value!r}: a momentum above 1 amplifies every change, and the iteration "
            "stalls at a worse error. Usual values lie between 0 and 0.99.",
            ConventionWarning,
        )
