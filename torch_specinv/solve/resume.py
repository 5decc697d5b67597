"""Whether one run may go on where another ended."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..errors import SpecInvError
from ..transform.fingerprint import differing, fingerprint, settings_of
from .algorithm import Algorithm
from .problem import SpectrogramProblem
from .result import Inversion, RunState


def identify(algorithm: Algorithm, problem: SpectrogramProblem, **about: Any) -> dict[str, Any]:
    """Return what must agree for one run to go on where another ended; `about` is more of it."""
    constraint, stft = problem.given, problem.stft
    others = {name: getattr(constraint, name) for name in constraint.tensors if name != "target"}
    return fingerprint(
        stft.geometry,
        algorithm=settings_of(algorithm),
        constraint={"class": type(constraint).__name__, **others},
        spec=problem.checksums(),
        scale=problem.scale,
        lengths=stft.lengths_and_last_frames(len(problem.scale))[0],
        **about,
    )


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
    names = differing(earlier.problem or {}, identity)
    if names:
        raise SpecInvError(
            f"resume is the result of another problem: {', '.join(names)} differ. All settings "
            "but the number of iterations must be the same."
        )


def check_resume(resume: Any, algorithm: Algorithm, init: str | Tensor | None) -> None:
    """Raise unless an earlier result is one that can go on."""
    read_state(resume)
    if init is not None:
        raise SpecInvError("init is given, but resume continues where the last run ended.")
    if algorithm.planned:
        raise SpecInvError(
            f"resume: {type(algorithm).__name__} plans its whole budget ahead, so that nothing "
            "can be added. Run it again with a larger max_iter, or polish its result, passed "
            "as a complex spectrum, by griffin_lim or lbfgs."
        )
