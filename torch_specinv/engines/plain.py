"""The plain engine: each iteration as differentiable torch operations, on any device."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from ..solve.algorithm import Memory, PointwiseAlgorithm, Step
from ..solve.problem import SpectrogramProblem
from ..solve.solver import Solver


@dataclass(frozen=True, eq=False)
class PlainState:
    """What an iteration hands to the next."""

    iteration: int
    shares: tuple[Tensor, ...]
    """What each group of frames adds to the wave."""
    probe: Tensor
    memories: tuple[Memory, ...]
    """The spectral memory of each group of frames."""
    past: Memory


@dataclass(frozen=True, eq=False)
class PlainEngine(Solver[PlainState]):
    """Runs an algorithm's rule on a problem, one trip after the other."""

    problem: SpectrogramProblem
    algorithm: PointwiseAlgorithm
    steps: int

    def start(self, spectrum: Tensor) -> PlainState:
        """Synthesise the starting spectrum."""
        stft, constraint = self.problem.stft, self.problem.constraint
        parts = [(spectrum[..., frames], frames) for frames in self._groups()]
        shares = tuple(stft.synthesise(part, frames) for part, frames in parts)
        wave = _total(shares)
        return PlainState(
            iteration=0,
            shares=shares,
            probe=wave,
            memories=tuple(
                self.algorithm.begin(part, constraint.of_frames(frames)) for part, frames in parts
            ),
            past=self.algorithm.remember(wave),
        )

    def advance(self, state: PlainState, until: int) -> PlainState:
        """Make the trips up to iteration `until`."""
        stft, constraint, groups = self.problem.stft, self.problem.constraint, self._groups()
        constraints = [constraint.of_frames(frames) for frames in groups]
        probe, past = state.probe, state.past
        shares, memories = list(state.shares), list(state.memories)
        for number in range(state.iteration, until):
            step = Step(number, self.steps)
            for i, frames in enumerate(groups):
                spectrum = stft.analyse(probe, frames)
                estimate, memories[i] = self.algorithm.rule(
                    spectrum, memories[i], constraints[i], step
                )
                shares[i] = stft.synthesise(estimate, frames)
                probe, past = self.algorithm.mix(_total(shares), past, step)
        return PlainState(until, tuple(shares), probe, tuple(memories), past)

    def wave(self, state: PlainState) -> Tensor:
        """Synthesise the algorithm's answer, if that is not the last wave."""
        stft, constraint = self.problem.stft, self.problem.constraint
        shares = list(state.shares)
        for i, (memory, frames) in enumerate(zip(state.memories, self._groups(), strict=True)):
            answer = self.algorithm.answer(memory, constraint.of_frames(frames))
            if answer is not None:
                shares[i] = stft.synthesise(answer, frames)
        return self.problem.calm(_total(shares))

    def select(self, items: Tensor) -> PlainEngine:
        """Go on with some items of the batch."""
        return replace(self, problem=self.problem.select(items))

    def _groups(self) -> list[slice]:
        """Return the groups of frames that take turns, as they are strewn over time."""
        count = min(self.algorithm.groups(), self.problem.stft.geometry.frames)
        return [slice(first, None, count) for first in range(count)]


def _total(shares: list[Tensor] | tuple[Tensor, ...]) -> Tensor:
    """Add up the shares of the groups."""
    wave = shares[0]
    for share in shares[1:]:
        wave = wave + share
    return wave
