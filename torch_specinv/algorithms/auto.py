"""What to use when nothing is known: find out what the magnitude is, and iterate accordingly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from ..checks import check_not_hidden
from ..constraints.checked import CheckedConstraint
from ..errors import SpecInvError, check_choice
from ..inexact.by_kind import ByKindSolver
from ..inexact.kinds import KINDS, Kind, window_units
from ..plugins import class_of
from ..solve.algorithm import Algorithm, MakeSolver, register
from ..solve.problem import SpectrogramProblem
from ..solve.solver import Solver
from .amdr import AMDR
from .chain import ChainSolver
from .griffin_lim import GriffinLim
from .lbfgs import LBFGS

# Of the iterations 0.4 follow the exploration. Griffin-Lim with momentum makes the first quarter of
# them, as it still leaves local minima; L-BFGS, which does not, the rest.
_TAIL, _POLISH = 0.4, 0.3
# L-BFGS must learn the curvature before it pays.
_WORTH = 18
# With windows that are less like a Gaussian than this, the start is too far off to tell by.
_LIKE_A_GAUSSIAN = 0.985


@register("auto")
@dataclass(frozen=True)
class Auto(Algorithm):
    r"""Detect what each item holds, and choose the iterations accordingly.

    A few Griffin-Lim iterations tell: they are soon stuck with an inconsistent spectrogram.
    Then its kind is that of how rough it is, in comparison with that of the waveform:

    *exact*
        A waveform has it, or one that differs little. AMDR from a PGHI start, with L-BFGS for the
        last 30 % of 59 iterations or more (not for bands, whose projection is no gradient); the
        plan fills the budget, and the best iterate is the answer.
    *noisy*
        It is rougher. Only local means of it are followed, :math:`c \leftarrow c \, \exp
        \overline{\log (S / |c|)}`.
    *blurred*
        It is smoother, and explained by a blur. The blurred magnitude of the waveform is to become
        the given one, :math:`c \leftarrow c \, S / \overline{|c|}`.
    *coarse*
        It is smoother in another way: spread out from a mel spectrogram, or of low rank. As for
        noisy ones, from a start whose bins advance with their peak (``init="locked"``).

    Of what is not exact, at most 20 iterations are made, since more would fit the errors, and the
    last one is the answer: the spectral convergence to a wrong target does not rank waveforms.
    :class:`~torch_specinv.Inversion` tells the kind; the status is "inexact" where these 20 were
    made. The look costs four iterations, and twenty more where blurs are tried; none where the
    start is below -22 dB. Windows that are nothing like a Gaussian (``window=None``), and
    constraints without :meth:`~torch_specinv.Constraint.spread`, are always taken for exact.

    Parameters
    ----------
    kind : str, default "detect"
        "exact", "noisy", "blurred" or "coarse" for all items, where you know what they hold.
    """

    kind: str = "detect"
    chooses_start: ClassVar[bool] = True
    planned: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, ["detect", *map(str, KINDS)])

    def solver(self, problem: SpectrogramProblem, budget: int, engine: MakeSolver) -> Solver[Any]:
        """Plan the budget for an exact item; what others get does not depend on it."""
        kind = None if self.kind == "detect" else Kind(self.kind)
        obstacle = _obstacle(problem)
        if obstacle and kind not in (None, Kind.EXACT):
            raise SpecInvError(f"kind={self.kind!r}: {obstacle}.")
        unlike = problem.stft.geometry.window_shape.likeness < _LIKE_A_GAUSSIAN
        if obstacle or (kind is None and unlike):
            kind = Kind.EXACT
        if kind in (None, Kind.BLURRED):
            check_not_hidden(
                "auto looks at what each item holds",
                "pass the batch itself without it, kind='exact', or another algorithm",
                problem.like,
            )
        exact = _plan(problem, budget, engine)
        return ByKindSolver(problem, exact, engine, GriffinLim(), kind)


def _obstacle(problem: SpectrogramProblem) -> str | None:
    """Return why nothing but exact targets can be treated, or None."""
    if window_units(problem.stft.geometry)[1] == 0:
        return "a window that is complex, or has one sample, has no width to take means over"
    constraint = problem.given
    own = class_of(constraint, CheckedConstraint)
    defined = [
        next(i for i, c in enumerate(own.__mro__) if name in vars(c))
        for name in ("spread", "project")
    ]
    # one that was inherited knows nothing of a projection that is new
    frame = constraint.of_frames(slice(0, 1))
    if defined[0] > defined[1] or frame.spread(torch.ones_like(frame.target)) is None:
        return f"{type(constraint).__name__} does not say how to spread factors over bins"
    return None


def _plan(problem: SpectrogramProblem, budget: int, engine: MakeSolver) -> Solver[Any]:
    """Return what iterates on exact items."""
    # handing over, and the first evaluation, take a pair of transforms each on top
    polish = round(_POLISH * budget)
    if polish < _WORTH or not problem.given.is_nearest_point:
        return AMDR().solver(problem, budget, engine)
    before = budget - polish
    first = AMDR(polish=(_TAIL * budget - polish) / before).solver(problem, before, engine)
    return ChainSolver(problem, (first, LBFGS(5).solver(problem, polish, engine)))
