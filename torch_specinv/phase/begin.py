"""The first state of a solver: at a spectrum or, where it takes one, at a phase."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..constraints.base import Constraint
from ..plugins import is_foreign
from ..transform.stft import STFT
from .initial import PHASES, spectrum_at, starting_phase, starting_spectrum


def begin(
    solver: Any,
    constraint: Constraint,
    stft: STFT,
    init: str | Tensor,
    generator: torch.Generator | None = None,
) -> tuple[Any, Callable[[], Tensor]]:
    """Return the state of a solver before its first step, and what makes the spectrum of it.

    A spectrum has two numbers for each that the phase has. So solvers that need none are given the
    phase, if it is one of the package's own.

    Parameters
    ----------
    solver : Solver
        Whose first state is wanted.
    constraint, stft, init, generator
        Those of :func:`starting_spectrum`.
    """
    if not solver.takes_phase or not isinstance(init, str) or is_foreign(PHASES.named(init)):
        spectrum = starting_spectrum(constraint, stft, init, generator)
        return solver.start(spectrum), lambda: spectrum
    phase = starting_phase(constraint.magnitude(), stft, init, generator)
    return solver.start_at(phase), lambda: spectrum_at(constraint, stft, phase)
