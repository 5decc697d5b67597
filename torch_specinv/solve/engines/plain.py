"""The plain engine: each iteration as differentiable torch operations, on any device."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from ..algorithm import Memory, PointwiseAlgorithm, Step
from ..problem import SpectrogramProblem
from ..solver import Solver


@dataclass(frozen=True, eq=False)
class PlainState:
    """What an iteration hands to the next."""

    iteration: int
    wave: Tensor
    probe: Tensor
    memory: Memory
    past: Memory


@dataclass(frozen=True, eq=False)
class PlainEngine(Solver[PlainState]):
    """Runs an algorithm's rule on a problem, one trip after the other."""

    problem: SpectrogramProblem
    algorithm: PointwiseAlgorithm
    steps: int

    def start(self, spectrum: Tensor) -> PlainState:
        """Synthesise the starting spectrum."""
        wave = self.problem.stft.synthesise(spectrum)
        return PlainState(
            iteration=0,
            wave=wave,
            probe=wave,
            memory=self.algorithm.begin(spectrum, self.problem.constraint),
            past=self.algorithm.remember(wave),
        )

    def advance(self, state: PlainState, until: int) -> PlainState:
        """Make the trips up to iteration `until`."""
        stft, constraint = self.problem.stft, self.problem.constraint
        probe, memory, past, wave = state.probe, state.memory, state.past, state.wave
        for number in range(state.iteration, until):
            step = Step(number, self.steps)
            spectrum = stft.analyse(probe)
            estimate, memory = self.algorithm.rule(spectrum, memory, constraint, step)
            wave = stft.synthesise(estimate)
            probe, past = self.algorithm.mix(wave, past, step)
        return PlainState(until, wave, probe, memory, past)

    def wave(self, state: PlainState) -> Tensor:
        """Synthesise the algorithm's answer, if that is not the last wave."""
        answer = self.algorithm.answer(state.memory, self.problem.constraint)
        wave = state.wave if answer is None else self.problem.stft.synthesise(answer)
        return self.problem.calm(wave)

    def select(self, items: Tensor) -> PlainEngine:
        """Go on with some items of the batch."""
        return replace(self, problem=self.problem.select(items))
