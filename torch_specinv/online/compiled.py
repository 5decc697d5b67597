"""The same step by compiled code, where that has the rule: for float32 on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor

from ..derivatives import is_differentiated, is_transformed
from ..native import NativeOnline, OnlineTensors, missing
from ..solve.algorithm import Momentum, PointwiseAlgorithm, Projection, Relaxation, Step
from ..solve.native_rows import native_rows, rule_obstacle, transform_obstacle
from ..transform.geometry import Geometry
from .guess import Guess, LeastSquaresGuess
from .state import OnlineState


def obstacle(geometry: Geometry, algorithm: PointwiseAlgorithm, steps: int) -> str | None:
    """Return why compiled code can't take in frames of magnitudes, or None where it can."""
    window, numbers = geometry.window, algorithm.coefficients(Step(0, steps))
    return (
        missing()
        or transform_obstacle(geometry, window.dtype, window.device)
        or rule_obstacle(algorithm, None if isinstance(numbers, Projection) else numbers)
    )


class CompiledStep:
    """What :class:`~torch_specinv.online.OnlineInverter` does with frames of magnitudes.

    The guess of least squares is part of it. After any other one the new frame has a phase.
    """

    def __init__(
        self,
        geometry: Geometry,
        algorithm: PointwiseAlgorithm,
        steps: int,
        guess: Guess,
        *,
        asymmetric_window: bool,
        floor: float,
    ) -> None:
        self._window = geometry.window
        self.guesses = type(guess) is LeastSquaresGuess
        """Whether it gives new frames their first phase as well."""
        pulse = guess.pulse(geometry) if isinstance(guess, LeastSquaresGuess) else None
        self._native = NativeOnline(
            geometry, guess.past, pulse if self.guesses else None, asymmetric_window, floor
        )
        numbers = algorithm.coefficients(Step(0, steps))
        kind = Momentum if isinstance(numbers, Momentum) else Relaxation
        self._rule, self._rows = native_rows(algorithm, range(steps), steps, kind)

    def takes(self, state: OnlineState, observed: Tensor) -> bool:
        """Whether there is nothing to be differentiated or transformed."""
        if torch.compiler.is_compiling() or is_transformed():
            return False
        return not any(map(is_differentiated, (observed, state.committed, self._window)))

    @torch.no_grad()
    def push(
        self, state: OnlineState, observed: Tensor, present: Tensor, estimate: Tensor | None
    ) -> tuple[OnlineState, Tensor]:
        """Take in a frame, after which `estimate` holds a phase unless it :attr:`guesses`."""
        tensors = OnlineTensors(
            state.target,
            state.estimate if estimate is None else estimate,
            state.present,
            state.committed,
            state.envelope,
        )
        after, samples = self._native.push(self._rule, self._rows, tensors, observed, present)
        return OnlineState(magnitude=after.target, **after._asdict()), samples
