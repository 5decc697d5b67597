"""What the loop runs: something that comes nearer to an answer step by step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

from torch import Tensor

S = TypeVar("S")


class Solver(ABC, Generic[S]):
    """Steps from state to state. States are values: dataclasses of tensors, never changed.

    The first dimension of each tensor of a state is the batch, and no item influences another.
    """

    steps: int
    """How many steps a fresh run takes."""
    stride: int = 1
    """How many steps count as one towards the interval between evaluations."""
    unfinished: bool = False
    """Whether a wave before the last step lacks its end, so that the last one is the answer."""

    @abstractmethod
    def start(self, spectrum: Tensor) -> S:
        """Return the state before the first step, from a spectrum (batch, bins, frames)."""

    @abstractmethod
    def advance(self, state: S, until: int) -> S:
        """Return the state after `until` steps in all."""

    @abstractmethod
    def wave(self, state: S) -> Tensor:
        """Return the scaled waves (batch, samples) that are the answer at this point."""

    def settling(self, state: S) -> Tensor | None:
        """Return which items (batch,) a small change of the error says have converged, or all."""
        return None

    @abstractmethod
    def select(self, items: Tensor) -> Solver[S]:
        """Return the solver of some items of the batch."""


def select_items(state: Any, items: Tensor) -> Any:
    """Keep some items of every tensor in a state, through dataclasses and tuples."""
    if isinstance(state, Tensor):
        return state[items]
    if isinstance(state, tuple):
        return tuple(select_items(part, items) for part in state)
    if hasattr(state, "__dataclass_fields__"):
        fields = {name: getattr(state, name) for name in state.__dataclass_fields__}
        return type(state)(**{name: select_items(part, items) for name, part in fields.items()})
    return state
