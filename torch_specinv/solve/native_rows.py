"""Iterations as the native code takes them: which transforms and rules it has, and their rows."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from ..constraints.bands import Bands
from ..constraints.base import Constraint
from ..constraints.magnitude import Magnitude
from ..constraints.sources import Sources
from ..errors import SpecInvError
from ..native import Row, Rule, radices_of
from ..transform.geometry import Geometry
from .algorithm import Momentum, PointwiseAlgorithm, Projection, Relaxation, Step


def transform_obstacle(geometry: Geometry, dtype: torch.dtype, device: torch.device) -> str | None:
    """Return why the native code does not have a transform, or None where it does."""
    if device.type != "cpu" or dtype != torch.float32:
        return f"it takes float32 on a CPU, not {dtype} on {device}"
    if not geometry.onesided or geometry.window.is_complex():
        return "it takes one-sided spectra and real windows"
    if radices_of(geometry.n_fft) is None:
        return f"it takes n_fft without prime factors above 13, not {geometry.n_fft}"
    return None


def constraint_obstacle(constraint: Constraint) -> str | None:
    """Return why the native code does not have a constraint, or None where it does."""
    mixed = type(constraint) is Sources and constraint.is_nearest_point
    if type(constraint) is Magnitude or mixed:
        return None
    if type(constraint) is not Bands:
        return f"it takes magnitudes and bands, not {type(constraint).__name__}"
    if constraint.power not in (1, 2):
        return f"it takes bands of magnitudes and powers, not of powers {constraint.power:g}"
    tables = constraint.tables
    if not tables.is_banded:
        return f"it takes banks whose bins are in few bands each, not in {tables.reach}"
    return None


def rule_obstacle(
    algorithm: PointwiseAlgorithm, numbers: Momentum | Projection | Relaxation | None
) -> str | None:
    """Return why the native code does not have a rule, whose first numbers these are, or None."""
    if numbers is None or not algorithm.coefficients_are_the_rule:
        return f"it does not know the rule of {algorithm!r}"
    if any(isinstance(number, Tensor) for number in numbers):
        return f"it takes numbers as hyperparameters, and {algorithm!r} has tensors"
    return None


def native_rows(
    algorithm: PointwiseAlgorithm,
    numbers: Iterable[int],
    steps: int,
    kind: type[Momentum | Projection | Relaxation],
) -> tuple[Rule, list[Row]]:
    """Return some iterations of that kind as rows, and the first rule that has all they need.

    The native code mixes waves before it analyses them, and algorithms after they are made: the
    momentum of a row is that of the iteration before it.
    """

    def coefficients(number: int) -> Momentum | Projection | Relaxation:
        found = algorithm.coefficients(Step(number, steps))
        if not isinstance(found, kind):
            raise SpecInvError(
                f"iteration {number} of {algorithm!r} is {found!r}, where iterations before "
                "it were numbers: use backend='chunked'."
            )
        return found

    rule, rows = Rule.PROJECT, list[Row]()
    for number in numbers:
        found = coefficients(max(0, number - 1) if kind is Momentum else number)
        if isinstance(found, Momentum):
            alpha = found.alpha if number else 0.0
            # in other words, a relaxation whose variable is the consistent spectrum
            rows.append(Row(u=1 + alpha, v=-alpha, q=1.0, x=1.0, e=1.0))
        elif isinstance(found, Projection):
            rows.append(Row(u=1.0))
        else:
            rows.append(Row(1.0, 0.0, *found))
            rule = max(rule, _rule_of(found))
    return rule, rows


def _rule_of(numbers: Relaxation) -> Rule:
    """Return the rule that uses no more of the memory than the numbers do."""
    if numbers.s or numbers.z or numbers.g:
        return Rule.RELAX_WITH_MEMORY
    return Rule.RELAX if (numbers.x, numbers.y) == (1, 0) else Rule.RELAX_WITH_MOMENTUM
