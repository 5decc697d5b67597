"""A whole spectrogram through the online core: what the loop steps through, frame by frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..solve.problem import SpectrogramProblem
from ..solve.solver import Solver
from .core import OnlineInverter
from .state import OnlineState


@dataclass(frozen=True, eq=False)
class FramesState:
    """The online state and the samples finished so far, hop by hop."""

    iteration: int
    online: OnlineState
    samples: tuple[Tensor, ...] = ()


@dataclass(frozen=True, eq=False)
class OnlineSolver(Solver[FramesState]):
    """Pushes the frames of a problem, and then `look_ahead` absent frames to finish the last."""

    problem: SpectrogramProblem
    inverter: OnlineInverter
    push: Callable[[OnlineState, Tensor, Tensor], tuple[OnlineState, Tensor]] | None = None
    """How a frame is taken in; by default as the inverter does."""
    unfinished: bool = True

    @property
    def steps(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """All frames, and `look_ahead` absent ones behind them."""
        return self.problem.stft.geometry.frames + self.inverter.look_ahead

    @property
    def stride(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """At most 200 evaluations, however long the signal: each transforms all of it."""
        return max(1, self.problem.stft.geometry.frames // 200)

    def start(self, spectrum: Tensor) -> FramesState:
        """Begin before the first frame; the starting phase is not used."""
        target = self.problem.target
        return FramesState(0, self.inverter.begin(len(target), target.shape[-2]))

    def advance(self, state: FramesState, until: int) -> FramesState:
        """Push frames."""
        online, samples = state.online, list(state.samples)
        push = self.inverter.push if self.push is None else self.push
        for number in range(state.iteration, until):
            online, finished = push(online, *self._frame(number))
            if number >= self.inverter.look_ahead:
                samples.append(finished)
        return FramesState(until, online, tuple(samples))

    def wave(self, state: FramesState) -> Tensor:
        """Return what is finished, and zeros behind it."""
        samples = state.samples
        if state.iteration >= self.steps:
            samples = (*samples, self.inverter.rest(state.online))
        if not samples:
            samples = (state.online.committed[:, :0],)
        return self.problem.stft.cut(torch.cat(samples, 1))

    def select(self, items: Tensor) -> OnlineSolver:
        """Go on with some items of the batch."""
        return replace(self, problem=self.problem.select(items))

    def _frame(self, number: int) -> tuple[Tensor, Tensor]:
        """Return the magnitudes of a frame and which items have it."""
        target, frame_mask = self.problem.target, self.problem.stft.frame_mask
        exists = number < target.shape[-1]
        frame = target[..., number] if exists else torch.zeros_like(target[..., 0])
        if frame_mask is not None and exists:
            return frame, frame_mask[:, number]
        return frame, torch.full((len(frame),), exists, device=frame.device)
