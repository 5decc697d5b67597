"""What the loop runs: something that comes nearer to an answer step by step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, cast

import torch
from torch import Tensor

S = TypeVar("S")


class Solver(ABC, Generic[S]):
    """Steps from state to state. States are dataclasses of tensors, or of groups of tensors.

    The first dimension of each tensor of a state is the batch, and no item influences another.
    """

    steps: int
    """How many steps a fresh run takes."""
    stride: int = 1
    """How many steps count as one towards the interval between evaluations."""
    keeps_shape: bool = False
    """Whether items that have ended are better kept, while they are less than half of all."""
    takes_phase: bool = False
    """Whether it can start at a phase as well, for which no spectrum has to be made."""
    unfinished: bool = False
    """Whether the waves before the last step lack their end, as those of online methods do."""

    @abstractmethod
    def start(self, spectrum: Any) -> S:
        """Return the state before the first step, from a spectrum (batch, bins, frames).

        None, which only algorithms that choose their start get, leaves the phase to the solver.
        """

    def start_at(self, phase: Tensor, magnitude: Tensor | None) -> S:
        """Return the state before the first step, given a phase (batch, bins, frames) in radians.

        Only of solvers that take one; it is below thousands of turns. `magnitude` is that of the
        constraint, of the same shape, or None where it is the target.
        """
        raise NotImplementedError

    def start_near(self, wave: Tensor) -> S | None:
        """Return the state before the first step, near the spectrum of scaled waves.

        That is the one with what is known of it. None, the default, where it is needed itself.
        """
        return None

    def observe(self, state: S) -> tuple[Tensor, Tensor] | None:
        """Return what would be observed of the waves, and their errors (batch,).

        None, the default, where that takes as long as of the waves themselves.
        """
        return None

    def scaled(self, wave: Tensor, ratio: Callable[[Tensor], Tensor], count: int) -> Tensor | None:
        """Return scaled waves (batch, samples) that were multiplied in their spectra.

        For `count` times with what changes what is observed of them by `ratio` of it, see
        :meth:`.Constraint.spread`. None, the default, where it knows no quick way.
        """
        return None

    @abstractmethod
    def advance(self, state: S, until: int) -> S:
        """Return the state after `until` steps in all; the given one may be written over."""

    @abstractmethod
    def wave(self, state: S) -> Tensor:
        """Return the scaled waves (batch, samples) that are the answer at this point."""

    def evaluate(self, state: S) -> tuple[Tensor, Tensor | None]:
        """Return these waves, and their errors (batch,) if the solver has a quick way to them."""
        return self.wave(state), None

    def settling(self, state: S) -> Tensor | None:
        """Return for which items a small change of the error means convergence.

        Shape (batch,), bool; None, the default, is for all.
        """
        return None

    def answers_last(self, state: S) -> Tensor | bool:
        """Return of which items (batch,), or whether of all, the answer is the last wave.

        Of the others it is the best so far, by their error.
        """
        return self.unfinished

    def enough(self, state: S) -> Tensor | None:
        """Return for which items (batch,) further steps would only fit the errors of the target."""
        return None

    def milestones(self, state: S) -> tuple[int, ...]:
        """Return after which steps it is evaluated beside the regular ones."""
        return ()

    def kinds(self, state: S) -> tuple[str, ...]:
        """Return what kind of spectrogram each item was found to hold, or () if none looked."""
        return ()

    def release(self) -> None:
        """Let go of memory that is filled again where it is needed, as a run has ended."""
        return

    @abstractmethod
    def select(self, items: Tensor) -> Solver[S]:
        """Return the solver of some items of the batch."""


def select_items(state: Any, items: Tensor) -> Any:
    """Keep some items of every tensor in a state."""
    return each_tensor(state, lambda tensor: tensor[items])


def copy_state(state: Any) -> Any:
    """Return a state that may be written to while the given one stays as it is."""
    return each_tensor(state, torch.clone)


def each_tensor(state: Any, function: Callable[[Tensor], Tensor]) -> Any:
    """Apply a function to every tensor in a state, through dataclasses, tuples, lists and dicts."""
    if isinstance(state, Tensor):
        return function(state)
    if isinstance(state, (tuple, list)):
        parts = [each_tensor(part, function) for part in cast(Sequence[Any], state)]
        kind: Any = type(cast(Any, state))
        return kind(*parts) if hasattr(kind, "_fields") else kind(parts)
    if isinstance(state, dict):
        parts = cast(dict[Any, Any], state)
        return {key: each_tensor(part, function) for key, part in parts.items()}
    if hasattr(state, "__dataclass_fields__"):
        fields = {name: getattr(state, name) for name in state.__dataclass_fields__}
        fields = {name: each_tensor(part, function) for name, part in fields.items()}
        return type(state)(**fields)
    return state
