"""The plain engine: each iteration as differentiable torch operations, on any device."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from ..algorithm import Algorithm, Memory, Step
from ..problem import Problem


@dataclass(frozen=True, eq=False)
class PlainState:
    """What an iteration hands to the next; the first dimension of each tensor is the batch."""

    iteration: int
    wave: Tensor
    probe: Tensor
    memory: Memory
    past: Memory


@dataclass(frozen=True, eq=False)
class PlainEngine:
    """Runs an algorithm's rule on a problem, one trip after the other."""

    problem: Problem
    algorithm: Algorithm
    budget: int

    def start(self, spectrum: Tensor) -> PlainState:
        """Return the state before the first iteration."""
        wave = self.problem.stft.synthesise(spectrum)
        return PlainState(
            iteration=0,
            wave=wave,
            probe=wave,
            memory=self.algorithm.begin(spectrum, self.problem.constraint),
            past=self.algorithm.remember(wave),
        )

    def advance(self, state: PlainState, until: int) -> PlainState:
        """Return the state after `until` iterations in all."""
        stft, constraint = self.problem.stft, self.problem.constraint
        probe, memory, past, wave = state.probe, state.memory, state.past, state.wave
        for number in range(state.iteration, until):
            step = Step(number, self.budget)
            spectrum = stft.analyse(probe)
            estimate, memory = self.algorithm.rule(spectrum, memory, constraint, step)
            wave = stft.synthesise(estimate)
            probe, past = self.algorithm.mix(wave, past, step)
        return PlainState(until, wave, probe, memory, past)

    def wave(self, state: PlainState) -> Tensor:
        """Return the scaled wave (batch, samples) that is the answer at this point."""
        stft = self.problem.stft
        answer = self.algorithm.answer(state.memory, self.problem.constraint)
        return stft.calm(state.wave if answer is None else stft.synthesise(answer))

    def select(self, state: PlainState, items: Tensor) -> tuple[PlainEngine, PlainState]:
        """Go on with some items of the batch."""
        return replace(self, problem=self.problem.select(items)), PlainState(
            state.iteration,
            state.wave[items],
            state.probe[items],
            tuple(tensor[items] for tensor in state.memory),
            tuple(tensor[items] for tensor in state.past),
        )
