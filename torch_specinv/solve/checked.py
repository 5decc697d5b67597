"""A rule of a user's: what its methods return is checked, and their arguments stay."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from ..constraints.base import Constraint
from ..errors import SpecInvError, check_count, read_number
from ..plugins import calling, check_returned, check_tuple, private
from .algorithm import (
    Algorithm,
    MakeSolver,
    Memory,
    Momentum,
    PointwiseAlgorithm,
    Projection,
    Relaxation,
    Step,
)
from .problem import SpectrogramProblem
from .solver import Solver


class CheckedRule(PointwiseAlgorithm):
    """Comes before a user's class, and looks at shapes, dtypes and devices of what it returns.

    No value is looked at: one that is not finite ends an item with the status "not_finite".
    """

    def interlaced_groups(self) -> int:
        """Return a whole number, the same for the whole run."""
        label, known = self._label("interlaced_groups"), vars(self)
        if "_groups" not in known:
            with calling(label):
                known["_groups"] = check_count(label, super().interlaced_groups())
        return known["_groups"]

    def begin(self, spectrum: Tensor, constraint: Constraint) -> Memory:
        """Return tensors with as many items."""
        label, spectrum = self._label("begin"), private(spectrum)
        with calling(label, spectrum, constraint.target):
            memory = super().begin(spectrum, constraint)
        return check_tuple(memory, label, spectrum)

    def rule(
        self, spectrum: Tensor, memory: Memory, constraint: Constraint, step: Step
    ) -> tuple[Tensor, Memory]:
        """Return a spectrum of the same shape, and tensors with as many items."""
        label, memory = self._label("rule"), tuple(map(private, memory))
        # the spectrum was made for the rule alone
        with calling(label, *memory, constraint.target):
            made = super().rule(spectrum, memory, constraint, step)
        estimate, kept = _pair(made, label)
        estimate = check_returned(estimate, label, spectrum.shape, spectrum, complex_=True)
        return estimate, check_tuple(kept, label, spectrum)

    def remember(self, wave: Tensor) -> Memory:
        """Return tensors with as many items."""
        label, wave = self._label("remember"), private(wave)
        with calling(label, wave):
            past = super().remember(wave)
        return check_tuple(past, label, wave)

    def mix(self, wave: Tensor, past: Memory, step: Step) -> tuple[Tensor, Memory]:
        """Return waves of the same shape, and tensors with as many items."""
        label, wave = self._label("mix"), private(wave)
        # parts of what other threads write to at the same time have a count of their own
        past = tuple(x.detach().clone() if _is_part(x) else private(x) for x in past)
        with calling(label, wave, *past):
            made = super().mix(wave, past, step)
        mixed, kept = _pair(made, label)
        return check_returned(mixed, label, wave.shape, wave), check_tuple(kept, label, wave)

    def answer(self, memory: Memory, constraint: Constraint) -> Tensor | None:
        """Return a spectrum, or None."""
        label, target = self._label("answer"), constraint.target
        with calling(label, *memory, target):
            answer = super().answer(memory, constraint)
        if answer is None:
            return None
        shape = (len(target), constraint.bins, target.shape[-1])
        return check_returned(answer, label, shape, target, complex_=True)

    def coefficients(self, step: Step) -> Momentum | Projection | Relaxation | None:
        """Return finite numbers, or tensors without dimensions, or None."""
        label = self._label("coefficients")
        with calling(label):
            found: Any = super().coefficients(step)
        if found is None:
            return None
        if not isinstance(found, (Momentum, Projection, Relaxation)):
            raise SpecInvError(
                f"{label} returned {found!r}: expected a Momentum, a Projection, a Relaxation or "
                "None."
            )
        for name, value in found._asdict().items():
            number = value.ndim == 0 if isinstance(value, Tensor) else _is_finite(value)
            if not number:
                raise SpecInvError(f"{label} returned {name}={value!r}: expected a finite number.")
        return found

    def _label(self, method: str) -> str:
        return f"{type(self).__name__}.{method}"


# whether the numbers are those of the rule is for the user's class to say
del CheckedRule.coefficients_are_the_rule


def solver_of(
    algorithm: Algorithm, problem: SpectrogramProblem, steps: int, engine: MakeSolver
) -> Solver[Any]:
    """Let an algorithm make its solver, and see that a user's makes one."""
    label = f"{type(algorithm).__name__}.solver"
    with calling(label):
        made: Any = algorithm.solver(problem, steps, engine)
    if not isinstance(made, Solver):
        raise SpecInvError(f"{label} returned a {type(made).__name__}: expected a Solver.")
    return made  # pyright: ignore[reportUnknownVariableType]


def _pair(made: Any, label: str) -> tuple[Any, Any]:
    """Take apart what a rule returned."""
    if not isinstance(made, tuple) or len(made) != 2:  # pyright: ignore[reportUnknownArgumentType]
        what = type(made).__name__  # pyright: ignore[reportUnknownArgumentType]
        raise SpecInvError(f"{label} returned a {what}: expected a tensor, and a tuple of tensors.")
    return made


def _is_part(tensor: Tensor) -> bool:
    """Whether an engine without gradients hands over a part of its state."""
    return tensor._base is not None and not tensor.requires_grad  # pyright: ignore[reportPrivateUsage]


def _is_finite(value: Any) -> bool:
    return math.isfinite(read_number(value))
