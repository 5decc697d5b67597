"""Pictures of how metrics develop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from ..metrics import metric_info
from .drawing import current_axes


def plot_convergence(
    history: Mapping[str, Tensor],
    evaluated: Sequence[int],
    *,
    metric: str | None = None,
    ax: Any = None,
) -> Any:
    """Draw a metric against iterations, a line for each batch item.

    Parameters
    ----------
    history : mapping of str to Tensor
        That of an :class:`~torch_specinv.Inversion`: values (evaluations, ...) by metric.
    evaluated : sequence of int
        The iterations after which they were taken.
    metric : str, optional
        One of `history`. Default: the first.
    ax : matplotlib Axes, optional
        Where to draw. Default: pyplot's current axes.

    Returns
    -------
    matplotlib Axes
        What was drawn on.

    Raises
    ------
    SpecInvError
        If matplotlib is not installed.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv import invert
    >>> from torch_specinv.plots import new_figure, plot_convergence
    >>> magnitude = torch.rand(129, 20, generator=torch.manual_seed(0))
    >>> result = invert(magnitude, max_iter=20, window="hann", verbose=False)
    >>> ax = plot_convergence(result.history, result.evaluated, ax=new_figure(5, 3).subplots())
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('iterations', 'sc in dB')
    """
    ax = current_axes() if ax is None else ax
    name = next(iter(history)) if metric is None else metric
    unit = metric_info(name).unit
    rows = history[name].detach().cpu().float()
    for item in rows.reshape(len(rows), -1).unbind(1):
        ax.plot(list(evaluated), item.tolist())
    ax.set(xlabel="iterations", ylabel=f"{name} in {unit}" if unit else name)
    ax.grid(alpha=0.3)
    return ax
