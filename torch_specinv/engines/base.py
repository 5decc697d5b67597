"""What an engine is: a way to carry out the iterations of a pointwise rule, and what it can do."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from torch import Tensor

from ..solve.algorithm import Memory, PointwiseAlgorithm, Step
from ..solve.problem import SpectrogramProblem
from ..solve.solver import Solver

S = TypeVar("S")


def group_count(problem: SpectrogramProblem, algorithm: PointwiseAlgorithm) -> int:
    """Return how many groups of frames are updated alternately; each has one frame at least."""
    groups, frames = algorithm.interlaced_groups(), problem.stft.geometry.frames
    return groups if frames >= groups else frames  # a number, also where frames is a symbol


def goes_on(algorithm: PointwiseAlgorithm, steps: int, until: int) -> bool:
    """Whether iterations beyond the budget, of a run that is resumed, have the last numbers."""
    last = algorithm.coefficients(Step(steps - 1, steps))
    return all(algorithm.coefficients(Step(n, steps)) == last for n in range(steps, until))


@dataclass(frozen=True, eq=False)
class TripState:
    """What an iteration in torch operations hands to the next.

    Waves are (batch, samples), spectra (batch, bins, frames). In the chunked engine waves are
    padded, (batch, padded samples), and spectra are (batch, frames, bins).
    """

    iteration: int
    """Iterations done so far."""
    partial_waves: tuple[Tensor, ...]
    """The part of the wave that each group of frames synthesised; they add up to the wave."""
    extrapolated: Tensor
    """The wave to be analysed next."""
    memories: tuple[Memory, ...]
    """The spectra that the rule keeps, for each group of frames."""
    past: Memory
    """The waves of earlier iterations that the algorithm keeps."""


class Engine(Solver[S]):
    """A solver made of a problem, a pointwise algorithm, and a number of iterations.

    Engines carry out the same rule and differ in speed and in rounding. A new one is a subclass in
    a file of its own, and a line in ``ENGINES``.
    """

    name: ClassVar[str]
    """What ``backend=`` calls it."""
    takes: ClassVar[str]
    """What it can run, in words, for :func:`torch_specinv.show_config`."""
    automatic: ClassVar[bool] = True
    """Whether ``backend="auto"`` may choose it."""

    @abstractmethod
    def __init__(
        self, problem: SpectrogramProblem, algorithm: PointwiseAlgorithm, steps: int
    ) -> None:
        """Prepare to carry out the rule of an algorithm on a problem."""

    problem: SpectrogramProblem
    algorithm: PointwiseAlgorithm

    def look(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """Return how far waves are from the constraint, and the nearest waves to what is.

        Of waves x they are half the squared distance of A x to its projection P, (batch,), and
        the synthesis of P, like x: one analysis and one synthesis.
        """
        stft, constraint = self.problem.stft, self.problem.constraint
        spectrum = stft.analyse(wave)
        projection = constraint.project(spectrum)
        value = 0.5 * self.problem.residual(spectrum, projection).flatten(1).sum(1)
        # of waves that are related, the change within what is allowed
        return value, stft.synthesise(constraint.before_synthesis(projection))

    def answers_last(self, state: S) -> bool:
        """Return what the algorithm says."""
        return self.algorithm.answers_last

    @classmethod
    def missing(cls) -> str | None:
        """Return why it can run nothing on this machine, or None where it is ready."""
        return None

    @classmethod
    def unsuited(
        cls, problem: SpectrogramProblem, algorithm: PointwiseAlgorithm, steps: int
    ) -> str | None:
        """Return why "auto" takes another engine, where this one could run it, or None."""
        return None

    @classmethod
    @abstractmethod
    def obstacle(
        cls, problem: SpectrogramProblem, algorithm: PointwiseAlgorithm, steps: int
    ) -> str | None:
        """Return why it can't run an algorithm on a problem, or None where it can."""
