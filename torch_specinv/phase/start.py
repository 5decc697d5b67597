"""Where iterations begin: at a spectrum or, where a solver takes one, at a phase."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, Self

import torch
from torch import Tensor

from ..constraints.base import Constraint
from ..forks import cached_property
from ..plugins import is_foreign
from ..transform.stft import STFT
from .initial import PHASES, spectrum_at, starting_phase, starting_spectrum

#: Methods whose phase is the same at every level, to the last digit.
AT_ANY_LEVEL = ("pghi", "random", "zero")


class Posed(Protocol):
    """What is known of a problem that is posed, see :class:`~.solve.problem.SpectrogramProblem`."""

    @property
    def constraint(self) -> Constraint:
        """What spectra have to satisfy."""
        ...

    @property
    def unscaled(self) -> Tensor | None:
        """The magnitude at the level of the input, if that is there without a copy."""
        ...

    @property
    def stft(self) -> STFT:
        """The transform."""
        ...


class Start:
    """A spectrum to start from, which is not made before it is asked for.

    It has two numbers for each that its phase has. So solvers that need none are given the phase,
    if that is one of the package's own.

    Parameters
    ----------
    make : callable
        Makes the spectrum (batch, bins, frames).
    parts : tuple of Tensor, optional
        Its phase in radians and its magnitude, of the same shape, where they are known. None stands
        for the magnitude that is the target.
    """

    def __init__(
        self, make: Callable[[], Tensor], parts: tuple[Tensor, Tensor | None] | None = None
    ) -> None:
        self._make, self._parts = make, parts

    @classmethod
    def of(
        cls,
        problem: Posed,
        init: str | Tensor,
        generator: torch.Generator | None = None,
    ) -> Self:
        """Return the start of :func:`starting_spectrum` for what a problem asks for."""
        stft = problem.stft
        if not isinstance(init, str) or is_foreign(PHASES.named(init)):
            return cls(lambda: starting_spectrum(problem.constraint, stft, init, generator))
        unscaled = problem.unscaled if init in AT_ANY_LEVEL else None
        if unscaled is not None:
            phase = starting_phase(unscaled, stft, init, generator)
            return cls(lambda: _spectrum_of(problem, phase), (phase, None))
        magnitude = problem.constraint.magnitude()
        phase = starting_phase(magnitude, stft, init, generator)
        return cls(
            lambda: spectrum_at(problem.constraint, stft, phase, magnitude), (phase, magnitude)
        )

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


def _spectrum_of(problem: Posed, phase: Tensor) -> Tensor:
    constraint = problem.constraint
    return spectrum_at(constraint, problem.stft, phase, constraint.magnitude())
