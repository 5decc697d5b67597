"""Whether one run may go on where another ended."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

import torch
from torch import Tensor

from ..errors import SpecInvError
from .algorithm import Algorithm
from .problem import SpectrogramProblem
from .result import Inversion, RunState


def identify(algorithm: Algorithm, problem: SpectrogramProblem) -> dict[str, Any]:
    """Return what must agree for one run to go on where another ended."""
    g = problem.stft.geometry
    fields = dataclasses.fields(cast(Any, algorithm))
    constraint = problem.constraint
    others = [name for name in constraint.tensors if name != "target"]
    return {
        "algorithm": type(algorithm).__name__,
        "geometry": g.numbers,
        "window": g.window.detach(),
        "spec": problem.target.detach(),
        "scale": problem.scale,
        "constraint": type(constraint).__name__,
        **{f"constraint.{name}": getattr(constraint, name).detach() for name in others},
        "lengths": problem.stft.lengths_and_last_frames(len(problem.scale))[0],
        **{field.name: getattr(algorithm, field.name) for field in fields},
    }


def read_state(resume: Any) -> RunState:
    """Return where an earlier run ended."""
    if not isinstance(resume, Inversion):
        raise SpecInvError(
            f"resume is a {type(resume).__name__}: expected the Inversion that invert returned, "
            "not its wave."
        )
    if resume.state is None:
        raise SpecInvError("resume holds no state: pass an Inversion as invert returned it.")
    return resume.state


def check_same(earlier: RunState, identity: dict[str, Any]) -> None:
    """Raise unless an earlier run was one of the same problem."""
    before = earlier.problem or {}
    differing = [
        name
        for name in identity.keys() | before.keys()
        if not _same(identity.get(name), before.get(name))
    ]
    if differing:
        raise SpecInvError(
            f"resume is the result of another problem: {', '.join(sorted(differing))} differ. All "
            "settings but the number of iterations must be the same."
        )


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        a, b = a.detach(), b.detach()
        if a.shape != b.shape or a.dtype != b.dtype or a.device != b.device:
            return False
        # what a constraint does not know may be NaN
        nan_alike = a.is_floating_point() and torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)
        return torch.equal(a, b) or nan_alike
    return type(a) is type(b) and bool(a == b)
