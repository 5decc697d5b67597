"""What a metric is, and how a name becomes one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor

from ..errors import SpecInvError, check_count, check_name, check_switch, shown
from ..registry import Registry

Metric = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class MetricInfo:
    """How to read the values of a metric."""

    higher_is_better: bool | None = None
    """None where nobody has said."""
    unit: str = ""
    """E.g. "dB"; empty for a number without a unit."""
    decimals: int = 2
    """How many to show in a table."""

    @property
    def arrow(self) -> str:
        """The direction of better values: "↑", "↓", or empty where it is not known."""
        return {True: "↑", False: "↓", None: ""}[self.higher_is_better]

    def best(self, values: Iterable[float]) -> float | None:
        """Return the best of some values, NaN aside, or None where nothing is known to be."""
        known = [value for value in values if not math.isnan(value)]
        if self.higher_is_better is None or not known:
            return None
        return max(known) if self.higher_is_better else min(known)

    def with_unit(self, value: float) -> str:
        """Return a value to two decimals, and its unit."""
        return f"{value:.2f} {self.unit}".rstrip()


#: The metrics that ``metric=`` knows by name.
METRICS: Registry[Metric] = Registry("metric")

_INFO: dict[str, MetricInfo] = {}


def register_metric(
    name: str, *, higher_is_better: bool | None = None, unit: str = "", decimals: int = 2
) -> Callable[[Metric], Metric]:
    """Make a function of (input, target) available as ``metric=name``.

    Parameters
    ----------
    name : str
        The name under which ``metric=`` and ``Inversion.history`` know it.
    higher_is_better : bool, optional
        The direction of better values, for the tables of ``specinv compare``. Default: not known,
        so that no value is marked as the best.
    unit : str, default ""
        The unit of the values, e.g. "dB", printed behind them.
    decimals : int, default 2
        How many decimals to show in tables.

    Returns
    -------
    callable
        A decorator that returns the function unchanged.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.metrics import METRICS, register_metric
    >>> @register_metric("worst_bin", higher_is_better=False)
    ... def worst_bin(input, target):
    ...     return (input - target).abs().amax((-2, -1))
    >>> METRICS.pop("worst_bin")(torch.ones(2, 2), torch.zeros(2, 2))
    tensor(1.)
    """
    check_name("name", name)
    if higher_is_better is not None:
        check_switch("higher_is_better", higher_is_better, ", or None")
    check_count("decimals", decimals, least=0)

    def keep(metric: Metric) -> Metric:
        METRICS.register(name)(metric)
        _INFO[name] = MetricInfo(higher_is_better, unit, decimals)
        return metric

    return keep


def metric_info(name: str) -> MetricInfo:
    """Return the direction and the unit of a registered metric; of another nothing is known.

    Examples
    --------
    >>> from torch_specinv.metrics import metric_info
    >>> metric_info("snr")
    MetricInfo(higher_is_better=True, unit='dB', decimals=1)
    """
    return _INFO[name] if name in METRICS and name in _INFO else MetricInfo()


def resolve_metrics(metric: str | Metric | Sequence[str | Metric]) -> dict[str, Metric]:
    """Turn what a user passes as ``metric=`` into functions by name, in the given order."""
    if isinstance(metric, str) or callable(metric):
        metric = [metric]
    try:
        several = list(metric)
    except Exception:  # whatever an object of somebody else's raises
        raise SpecInvError(
            f"metric={shown(metric)}: expected a name, a function of (input, target), or several."
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
