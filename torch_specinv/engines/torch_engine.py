"""The engine "torch": each iteration as differentiable torch operations, on any device."""

from __future__ import annotations

from torch import Tensor

from ..solve.algorithm import PointwiseAlgorithm, Step
from ..solve.problem import SpectrogramProblem
from .base import Engine, TripState, group_count
from .buffers import sum_of


class TorchEngine(Engine[TripState]):
    """Runs an algorithm's rule on a problem, all frames at once."""

    name = "torch"
    takes = "every pointwise rule, on every device, with gradients"

    def __init__(
        self, problem: SpectrogramProblem, algorithm: PointwiseAlgorithm, steps: int
    ) -> None:
        self.problem, self.algorithm, self.steps = problem, algorithm, steps

    @classmethod
    def obstacle(
        cls, problem: SpectrogramProblem, algorithm: PointwiseAlgorithm, steps: int
    ) -> str | None:
        """Return None: it can run everything."""
        return None

    def start(self, spectrum: Tensor) -> TripState:
        """Synthesise the starting spectrum."""
        stft, constraint = self.problem.stft, self.problem.constraint
        parts = [(spectrum[..., frames], frames) for frames in self._groups()]
        allowed = constraint.before_synthesis(spectrum)
        partial_waves = tuple(stft.synthesise(allowed[..., part], part) for part in self._groups())
        wave = sum_of(partial_waves)
        return TripState(
            iteration=0,
            partial_waves=partial_waves,
            extrapolated=wave,
            memories=tuple(
                self.algorithm.begin(part, constraint.of_frames(frames)) for part, frames in parts
            ),
            past=self.algorithm.remember(wave),
        )

    def advance(self, state: TripState, until: int) -> TripState:
        """Iterate up to iteration `until`."""
        for number in range(state.iteration, until):
            state = self.iterate(state, Step(number, self.steps))
        return state

    def iterate(self, state: TripState, step: Step) -> TripState:
        """Make one iteration, without a look at the number in `state`.

        :func:`torch.compile` takes it with ``fullgraph=True``. It compiles it once for all
        iterations where ``step.number`` is a tensor without dimensions; then the rule may compute
        with the number, but not branch on it, and the number in the new state is a tensor as well.
        """
        stft, constraint, groups = self.problem.stft, self.problem.constraint, self._groups()
        extrapolated, past = state.extrapolated, state.past
        partial_waves, memories = list(state.partial_waves), list(state.memories)
        for i, frames in enumerate(groups):
            part = constraint.of_frames(frames)
            spectrum = stft.analyse(extrapolated, frames)
            estimate, memories[i] = self.algorithm.rule(spectrum, memories[i], part, step)
            partial_waves[i] = stft.synthesise(part.before_synthesis(estimate), frames)
            extrapolated, past = self.algorithm.mix(sum_of(partial_waves), past, step)
        waves = tuple(partial_waves)
        return TripState(step.number + 1, waves, extrapolated, tuple(memories), past)

    def wave(self, state: TripState) -> Tensor:
        """Synthesise the algorithm's answer, if that is not the last wave."""
        stft, constraint = self.problem.stft, self.problem.constraint
        partial_waves = list(state.partial_waves)
        for i, (memory, frames) in enumerate(zip(state.memories, self._groups(), strict=True)):
            part = constraint.of_frames(frames)
            answer = self.algorithm.answer(memory, part)
            if answer is not None:
                partial_waves[i] = stft.synthesise(part.before_synthesis(answer), frames)
        return self.problem.finish(sum_of(partial_waves))

    def select(self, items: Tensor) -> TorchEngine:
        """Go on with some items of the batch."""
        return TorchEngine(self.problem.select(items), self.algorithm, self.steps)

    def _groups(self) -> list[slice]:
        """Return the frames of each group: with two, the even and the odd ones."""
        count = group_count(self.problem, self.algorithm)
        return [slice(first, None, count) for first in range(count)]
