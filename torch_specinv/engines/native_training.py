r"""The native engine where a gradient is wanted: iterations of Griffin-Lim, there and back.

With the analysis A, the envelope D, the synthesis :math:`A^+ = D^{-1} A^H` and the projection P on
the magnitude, an iteration is

.. math:: t_k = A^+ P(A y_k), \qquad y_k = u_k t_{k-1} + v_k t_{k-2}

and the gradient of :math:`t_k`, divided by D, goes through it backwards as

.. math:: D^{-1} \nabla_{y_k} = A^+ P'^H(A y_k) \, A \, D^{-1} \nabla_{t_k}

So the way back is made of the same trips as the way there, with another rule between the two
transforms. Of the way there the waves :math:`y_k` alone are kept, and no spectra.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..constraints.magnitude import Magnitude
from ..derivatives import has_memory, is_differentiated, is_forward_mode, is_transformed
from ..native import NativePlan, Row, Rule
from ..solve.algorithm import Momentum, PointwiseAlgorithm, Step
from ..solve.native_rows import native_rows
from ..solve.problem import SpectrogramProblem
from ..transform.stft import STFT
from .base import Engine
from .native import NativeEngine, NativeState


@dataclass(frozen=True, eq=False)
class TrainingState(NativeState):
    """What an iteration hands to the next: in lanes the values, and what gradients flow through."""

    plain: tuple[Tensor, Tensor] = field(kw_only=True)
    """The same two waves, (batch, samples)."""


class NativeTraining(NativeEngine):
    """Runs iterations of Griffin-Lim, with momentum or without, and their gradient.

    The gradient goes to the magnitude and to the starting spectrum. Second derivatives come from
    the same iterations in torch operations, which are carried out when they are asked for.
    """

    takes_phase = False  # nothing flows back to a magnitude that is laid out with a phase

    @classmethod
    def obstacle(
        cls, problem: SpectrogramProblem, algorithm: PointwiseAlgorithm, steps: int
    ) -> str | None:
        """Return what it has no gradient of, or what the native engine does not have, or None."""
        if is_transformed() or is_forward_mode():
            return "it goes backwards, and torch.func or forward mode is at work"
        if is_differentiated(problem.stft.geometry.window):
            return "its gradient does not go to the window"
        lacking = super().obstacle(problem, algorithm, steps)
        if lacking is not None:
            return lacking
        known = isinstance(algorithm.coefficients(Step(0, steps)), Momentum)
        if not known or type(problem.given) is not Magnitude:
            return "its gradient is that of Griffin-Lim with a magnitude: use 'torch'"
        return None

    def start(self, spectrum: Tensor) -> TrainingState:
        """Synthesise the starting spectrum."""
        wave = self.problem.stft.synthesise(spectrum)
        lanes = self.plan.lay(wave.detach())
        # the first iteration does not look at the older wave
        return TrainingState(0, (lanes, lanes), (), plain=(wave, wave))

    def advance(self, state: NativeState, until: int) -> NativeState:
        """Iterate up to iteration `until`; the state stays as it is."""
        assert isinstance(state, TrainingState)
        if state.iteration == until:
            return state
        self._follow(state)
        numbers = range(state.iteration, until)
        rows = native_rows(self.algorithm, numbers, self.steps, Momentum)[1]
        iterations = _Iterations(self.plan, self.problem.stft, rows)
        wave, older, *waves = _Through.apply(
            self.problem.target, *state.plain, *state.waves, self.lanes.magnitude, iterations
        )
        return TrainingState(until, (waves[0], waves[1]), (), plain=(wave, older))

    def wave(self, state: NativeState) -> Tensor:
        """Return the waves that were made last."""
        assert isinstance(state, TrainingState)
        return self.problem.finish(state.plain[0])

    def evaluate(self, state: NativeState) -> tuple[Tensor, Tensor | None]:
        """Return them with their errors."""
        self._follow(state)
        assert isinstance(state, TrainingState)
        return self.lanes.finished(state.waves[0], state.plain[0])

    def look(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """Do it in torch, which has all derivatives of it."""
        return Engine.look(self, wave)


@dataclass(frozen=True)
class _Iterations:
    """Iterations as numbers, and the transform that they are made with."""

    plan: NativePlan
    stft: STFT
    rows: Sequence[Row]

    def there(
        self, waves: Sequence[Tensor], magnitude: Tensor
    ) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """Return the last two waves, and those that were analysed, all in lanes."""
        kept = waves[0].new_empty(len(self.rows), *waves[0].shape)
        copies = [wave.clone() for wave in waves]
        self.plan.run(Rule.PROJECT, self.rows, copies, magnitude, kept=kept)
        return self._newest_first(copies), kept

    def back(
        self, gradients: Sequence[Tensor | None], kept: Tensor, magnitude: Tensor
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the gradients of the magnitude and of the two waves before, given the last two.

        On the way there an iteration analyses u times the last wave plus v times the one before.
        So on the way back, what goes into a trip is u times what came out of the last one plus v
        times what came out of the one before that, with the u and v of these iterations. The two
        given gradients take the places of what came out before the first trip.
        """
        stft, plan = self.stft, self.plan
        u, v = [row.u for row in self.rows], [row.v for row in self.rows]
        mixes = [(0.0, 1.0), *reversed([*zip(u, [*v[1:], 1.0], strict=True)])]
        rows = [Row(u=mix[0], v=mix[1]) for mix in mixes[:-1]]
        newest, older = (
            plan.waves() if gradient is None else plan.lay(gradient * stft.gain)
            for gradient in gradients
        )
        waves, sums = (older, newest), torch.zeros_like(magnitude)
        plan.run(Rule.RETURN, rows, waves, magnitude, kept=kept, gradient=sums)
        last, before = self._newest_first(waves)
        return (
            plan.unpack_magnitude(sums) * stft.bin_weights(),
            plan.unpack((mixes[-1][0] * last).add_(before, alpha=mixes[-1][1])) * stft.envelope,
            None if v[0] == 0 else plan.unpack(v[0] * last) * stft.envelope,
        )

    def _newest_first(self, waves: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        odd = len(self.rows) % 2
        return waves[odd], waves[1 - odd]

    def plainly(self, target: Tensor, wave: Tensor, older: Tensor) -> tuple[Tensor, Tensor]:
        """Return the last two waves, by operations of torch."""
        constraint, stft = Magnitude(target), self.stft
        for row in self.rows:
            spectrum = stft.analyse(row.u * wave + row.v * older)
            wave, older = stft.synthesise(constraint.project(spectrum)), wave
        return wave, older


class _Through(torch.autograd.Function):
    """Iterations as one operation: the last two waves, plain and in lanes."""

    @staticmethod
    def forward(
        ctx: Any,
        target: Tensor,
        wave: Tensor,
        older: Tensor,
        lanes: Tensor,
        older_lanes: Tensor,
        magnitude: Tensor,
        iterations: _Iterations,
    ) -> tuple[Tensor, ...]:
        """Iterate, and keep what the way back needs."""
        waves, kept = iterations.there((lanes, older_lanes), magnitude)
        ctx.iterations = iterations
        ctx.save_for_backward(target, wave, older, kept, magnitude)
        ctx.mark_non_differentiable(*waves)
        ctx.set_materialize_grads(False)
        return (*map(iterations.plan.unpack, waves), *waves)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        """Go back, or where that is to be differentiated or mapped over, in torch operations."""
        *inputs, kept, magnitude = ctx.saved_tensors
        iterations, gradients = ctx.iterations, gradients[:2]
        readable = all(gradient is None or has_memory(gradient) for gradient in gradients)
        if torch.is_grad_enabled() or not readable:
            found = _derivatives(iterations, inputs, gradients, ctx.needs_input_grad)
        else:
            found = iterations.back(gradients, kept, magnitude)
        return (*found, None, None, None, None)


def _derivatives(
    iterations: _Iterations,
    inputs: Sequence[Tensor],
    gradients: Sequence[Tensor | None],
    needed: Sequence[bool],
) -> list[Tensor | None]:
    """Return the gradients of the inputs, which have gradients themselves where these are on."""
    again = torch.is_grad_enabled()
    with torch.enable_grad():
        # two of them may be one tensor
        apart = [tensor.view_as(tensor) for tensor in inputs]
        made = iterations.plainly(*apart)
    pairs = [(x, g) for x, g in zip(made, gradients, strict=True) if g is not None]
    wanted = [i for i in range(len(inputs)) if needed[i]]
    found: list[Tensor | None] = [None] * len(inputs)
    outputs, weights = zip(*((x, g) for x, g in pairs if x.requires_grad), strict=True)
    several = torch.autograd.grad(
        outputs, [apart[i] for i in wanted], weights, create_graph=again, allow_unused=True
    )
    for i, gradient in zip(wanted, several, strict=True):
        found[i] = gradient
    return found
