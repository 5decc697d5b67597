"""Where iterations begin: at a spectrum or, where a solver takes one, at a phase."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor

from ..constraints.base import Constraint
from ..forks import cached_property
from ..plugins import is_foreign
from ..transform.stft import STFT
from .initial import PHASES, spectrum_at, starting_phase, starting_spectrum


class Start:
    """A spectrum to start from, which is not made before it is asked for.

    It has two numbers for each that its phase has. So solvers that need none are given the phase,
    if that is one of the package's own.

    Parameters
    ----------
    make : callable
        Makes the spectrum (batch, bins, frames).
    parts : tuple of Tensor, optional
        Its phase in radians and its magnitude, of the same shape, where they are known.
    """

    def __init__(
        self, make: Callable[[], Tensor], parts: tuple[Tensor, Tensor] | None = None
    ) -> None:
        self._make, self._parts = make, parts

    @classmethod
    def of(
        cls,
        constraint: Constraint,
        stft: STFT,
        init: str | Tensor,
        generator: torch.Generator | None = None,
    ) -> Self:
        """Return the start that :func:`starting_spectrum` makes of the same arguments."""
        if not isinstance(init, str) or is_foreign(PHASES.named(init)):
            return cls(lambda: starting_spectrum(constraint, stft, init, generator))
        magnitude = constraint.magnitude()
        phase = starting_phase(magnitude, stft, init, generator)
        return cls(lambda: spectrum_at(constraint, stft, phase, magnitude), (phase, magnitude))

    @cached_property
    def spectrum(self) -> Tensor:
        """The spectrum, (batch, bins, frames)."""
        return self._make()

    def state(self, solver: Any) -> Any:
        """Return the state of a solver before its first step."""
        if solver.takes_phase and self._parts is not None:
            return solver.start_at(*self._parts)
        return solver.start(self.spectrum)

    def select(self, items: Tensor) -> Start:
        """Keep some items of the batch."""
        if self._parts is not None and len(items) == len(self._parts[0]):
            return self
        return Start(lambda: self.spectrum[items])
