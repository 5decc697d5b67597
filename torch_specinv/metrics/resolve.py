"""What a metric is, and how a name becomes one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from ..errors import SpecInvError
from ..registry import Registry

Metric = Callable[[Tensor, Tensor], Tensor]

#: The metrics that ``metric=`` knows by name.
METRICS: Registry[Metric] = Registry("metric")


def register_metric(name: str) -> Callable[[Metric], Metric]:
    """Make a function of (input, target) available as ``metric=name``.

    Parameters
    ----------
    name : str
        The name under which ``metric=`` and ``Inversion.history`` know it.

    Returns
    -------
    callable
        A decorator that returns the function unchanged.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.metrics import METRICS, register_metric
    >>> @register_metric("worst_bin")
    ... def worst_bin(input, target):
    ...     return (input - target).abs().amax((-2, -1))
    >>> METRICS.pop("worst_bin")(torch.ones(2, 2), torch.zeros(2, 2))
    tensor(1.)
    """
    return METRICS.register(name)


def resolve_metrics(metric: str | Metric | Sequence[str | Metric]) -> dict[str, Metric]:
    """Turn what a user passes as ``metric=`` into functions by name, in the given order."""
    if isinstance(metric, str) or callable(metric):
        metric = [metric]
    try:
        several = list(metric)
    except TypeError:
        raise SpecInvError(
            f"metric={metric!r}: expected a name, a function of (input, target), or several."
        ) from None
    if not several:
        raise SpecInvError("metric=() names no metric: pass at least one, e.g. metric='sc'.")
    resolved: dict[str, Metric] = {}
    for one in several:
        if callable(one):
            name = base = getattr(one, "__name__", type(one).__name__)
            number = 1
            while name in resolved:
                number += 1
                name = f"{base}_{number}"
            resolved[name] = one
        else:
            resolved[one] = METRICS.named(one)
    return resolved
