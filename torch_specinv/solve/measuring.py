"""Metrics of what waves would be observed as, item by item of a batch."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ..metrics import Metric
from ..plugins import calling, check_returned, is_foreign


def measure(
    metrics: Mapping[str, Metric], observed: Tensor, target: Tensor, counts: Tensor | None
) -> dict[str, Tensor]:
    """Return each metric of each item, (batch,).

    Parameters
    ----------
    metrics : mapping of str to callable
        Functions of two spectrograms.
    observed, target : Tensor
        Shape (batch, rows, frames), at the level of the input.
    counts : Tensor, optional
        How many frames each item has, (batch,), where that differs: what lies behind them would
        count in a mean over frames.

    Raises
    ------
    SpecInvError
        If a metric does not return one value per item.
    """
    if counts is None:
        return {name: _value(name, f, observed, target) for name, f in metrics.items()}
    order: list[Tensor] = []
    found: dict[str, list[Tensor]] = {name: [] for name in metrics}
    for count in counts.unique().tolist():
        items = (counts == count).nonzero().flatten()
        order.append(items)
        pair = observed[items][..., :count], target[items][..., :count]
        for name, f in metrics.items():
            found[name].append(_value(name, f, *pair))
    back = torch.cat(order).argsort()
    return {name: torch.cat(values)[back] for name, values in found.items()}


def _value(name: str, metric: Metric, observed: Tensor, target: Tensor) -> Tensor:
    """Return a metric of each item, checked where the metric is a user's."""
    if not is_foreign(metric):
        return metric(observed, target)
    label = f"metric {name!r}"
    with calling(label):  # it may write into what it is given
        value = metric(observed.clone(), target.clone())
    meaning = "one value per item, reduced over the last two dimensions"
    return check_returned(value, label, observed.shape[:1], observed, meaning=meaning)
