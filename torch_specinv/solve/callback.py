"""What a user's callback is told, and how its answer is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from ..checks import check_not_hidden
from ..errors import SpecInvError
from ..plugins import calling, name_of


@dataclass(frozen=True, eq=False)
class Report:
    """What a callback receives at each evaluation.

    Attributes
    ----------
    iteration : int
        Iterations done so far.
    max_iter : int
        Iterations in all.
    metrics : dict of str to Tensor
        Values of each metric, shape (...): those of `wave`.
    wave : Tensor
        Shape (..., samples): what would be returned now.
    """

    iteration: int
    max_iter: int
    metrics: dict[str, Tensor]
    wave: Tensor


Callback = Callable[[Report], Any]


def wants_to_stop(callback: Callback, report: Report) -> bool:
    """Tell a callback how things are, and read whether it wants to stop."""
    label = f"the callback {name_of(callback)}"
    with calling(label):
        answer = callback(report)
    if isinstance(answer, Tensor):
        count = answer.numel()
    else:
        count = answer.size if isinstance(answer, np.ndarray) else 1
    if count != 1:
        raise SpecInvError(
            f"{label} returned {count} values, one for each item: use .all() or .any() to say "
            "whether to stop."
        )
    check_not_hidden("the callback's answer says whether to stop", "return nothing", answer)
    try:
        stop, number = bool(answer), answer == answer  # which NaN is not
        known = bool(number)
    except Exception:
        stop = known = False
    if not known:
        raise SpecInvError(
            f"{label} returned {type(answer).__name__} {answer!r}, which says neither yes nor no: "
            "return True to stop."
        )
    return stop
