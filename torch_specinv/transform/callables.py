"""The functions that a user may bring: a transform of signals, and a loss of two transforms."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

Transform = Callable[[Tensor], Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]
