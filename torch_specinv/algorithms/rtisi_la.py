"""Real-time iterative spectrogram inversion with look-ahead."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, cast

from torch import Tensor

from ..constraints.base import Constraint
from ..constraints.magnitude import Magnitude
from ..engines import EngineChoice
from ..errors import SpecInvError, check_count, check_switch
from ..online.core import OnlineInverter
from ..online.guesses import read_guess
from ..online.recorded_push import RecordedPush
from ..online.settings import read_look_ahead, read_rule
from ..online.solver import OnlineSolver
from ..solve.algorithm import Algorithm, MakeSolver, PointwiseAlgorithm, register
from ..solve.momentum import check_momentum
from ..solve.problem import SpectrogramProblem
from ..solve.solver import Solver
from ..transform.geometry import Geometry
from .griffin_lim import GriffinLim


@register("rtisi_la")
@dataclass(frozen=True)
class RTISILA(Algorithm):
    """Invert frame by frame, each finished with a few frames of look-ahead.

    The number of iterations is for each new frame, and the loop counts frames.

    Parameters
    ----------
    look_ahead : int, default -1
        Frames after a frame that are known when it is finished; -1 means
        (win_length - 1) // hop_length, 0 is RTISI.
    asymmetric_window : bool, default False
        Whether the first guess of a new frame makes up for samples that later frames will fill.
    alpha : float or Tensor, default 0.99
        Momentum, at least 0; 0 is the method of the paper. Values above 1 raise a warning.
    exact_gradient : bool, default False
        Whether a gradient is the derivative. The recursion over frames is chaotic: the derivative
        grows severalfold from one frame to the next, and soon describes only changes far below
        rounding. So by default the gradient does not grow where a phase would amplify it; it is
        then no derivative, but follows what finite changes do.
    rule : str or PointwiseAlgorithm, default "griffin_lim"
        What is iterated: "griffin_lim" with `alpha`, or another pointwise rule, such as "admm",
        "raar", "agla", "difference_map".
    guess : str, default "least_squares"
        The first phase of a new frame: "least_squares" of what the earlier frames say of it;
        "pghi" or "spsi", which go on from the frame before; "zero".

    References
    ----------
    - Peer, Welker, Peer, Gerkmann: "A flexible online framework for projection-based STFT phase
      retrieval", 2023.
    - Zhu, Beauregard, Wyse: "Real-time signal estimation from modified short-time Fourier
      transform magnitude spectra", 2007.
    """

    look_ahead: int = -1
    asymmetric_window: bool = False
    alpha: float | Tensor = 0.99
    exact_gradient: bool = False
    rule: str | PointwiseAlgorithm = "griffin_lim"
    guess: str = "least_squares"
    takes_start: ClassVar[bool] = False
    per_frame: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_momentum("alpha", self.alpha, "alpha=0 is the method of the paper.")
        check_count("look_ahead", self.look_ahead, least=-1)
        for name in ("asymmetric_window", "exact_gradient"):
            check_switch(name, getattr(self, name))

    def solver(self, problem: SpectrogramProblem, budget: int, engine: MakeSolver) -> Solver[Any]:
        """Push the frames through the online core."""
        g, constraint = problem.stft.geometry, problem.constraint
        if constraint.tensors != ("target",):
            raise SpecInvError(
                f"rtisi_la takes constraints with a target alone, frame by frame, and "
                f"{type(constraint).__name__} has {', '.join(constraint.tensors)}: use auto or "
                "griffin_lim."
            )
        look_ahead = read_look_ahead(self.look_ahead, g)
        if self.look_ahead > g.frames:
            raise SpecInvError(
                f"look_ahead={look_ahead} is more than the {g.frames} frames there are."
            )
        griffin_lim = isinstance(self.rule, str) and self.rule == "griffin_lim"
        inverter = OnlineInverter(
            g,
            look_ahead=look_ahead,
            asymmetric_window=self.asymmetric_window,
            max_iter=budget,
            algorithm=GriffinLim(self.alpha) if griffin_lim else read_rule(self.rule, {}, "rule"),
            constraint=Magnitude
            if type(constraint) is Magnitude
            else partial(_of_target, constraint),
            guess=read_guess(self.guess, look_ahead, g, "guess"),
            exact_gradient=self.exact_gradient,
            backend="auto"
            if isinstance(engine, EngineChoice) and "native" in engine.names
            else "torch",
        )
        records = getattr(engine, "records", None)
        recorded = records is not None and records(problem)
        return OnlineSolver(problem, inverter, RecordedPush(inverter) if recorded else None)

    def iterations_of_equal_cost(self, iterations: int, geometry: Geometry) -> int:
        """Divide by the look_ahead + 1 frames that are transformed for each new frame.

        With the default look-ahead these are win_length / hop_length frames: four at an overlap
        of three quarters.
        """
        frames_at_once = read_look_ahead(self.look_ahead, geometry) + 1
        return max(1, iterations // frames_at_once)


def _of_target(constraint: Constraint, target: Tensor) -> Constraint:
    """Return a constraint for other frames."""
    return replace(cast(Any, constraint), target=target)
