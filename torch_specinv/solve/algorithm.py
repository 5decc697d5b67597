"""What an algorithm is, in most cases a pointwise rule between two transforms; and the registry."""

from __future__ import annotations

import dataclasses
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Self, TypeVar

from torch import Tensor

from ..constraints.base import Constraint
from ..errors import SpecInvError
from ..registry import Registry
from ..transform.geometry import STFT_KEYWORDS, Geometry
from .problem import SpectrogramProblem
from .solver import Solver

#: Tensors that a rule keeps from one iteration to the next: spectra (batch, bins, frames), or waves
#: (batch, samples).
Memory = tuple[Tensor, ...]


class Step(NamedTuple):
    """Where in the run a rule is, for those that change with time."""

    number: int
    """Iterations done so far."""
    budget: int
    """Iterations in all."""


class Momentum(NamedTuple):
    """An iteration of Griffin-Lim: the magnitude is set, and the wave gets momentum."""

    alpha: float | Tensor
    """The momentum: the next wave to analyse is t + alpha (t - previous t)."""


class Projection(NamedTuple):
    """An iteration that sets the magnitude, and mixes waves as the algorithm's `mix` says.

    The rule is the projection alone. `mix` is then given waves whose samples lie in another order,
    with any number of dimensions.
    """


class Relaxation(NamedTuple):
    r"""An iteration as sums of spectra: ten numbers, or tensors without dimensions.

    With P the projection on the magnitude, Q the consistent spectrum (the transform of the wave
    that the last estimate became), c a variable and m a memory, all of them spectra:

    .. math::

        t = q Q + r c + p P(c) + s m, \quad
        c \leftarrow x t + y m + z P(c), \quad
        m \leftarrow t

    and the estimate is :math:`e P(c) + f c + g m`, the answer :math:`P(c)`. At the start c is
    the starting spectrum and m is 0.
    """

    q: float | Tensor
    r: float | Tensor = 0.0
    p: float | Tensor = 0.0
    s: float | Tensor = 0.0
    x: float | Tensor = 1.0
    y: float | Tensor = 0.0
    z: float | Tensor = 0.0
    e: float | Tensor = 1.0
    f: float | Tensor = 0.0
    g: float | Tensor = 0.0


class Algorithm(ABC):
    """An inverter: a frozen dataclass of hyperparameters that knows how to solve a problem."""

    takes_start: ClassVar[bool] = True
    """Whether it starts from a spectrum with a phase, rather than making its own."""
    default_start: ClassVar[str] = "pghi"
    """The initial phase to start from where the user names none."""
    chooses_start: ClassVar[bool] = False
    """Whether its solver chooses where to start from, where the user gives no phase."""
    answers_last: ClassVar[bool] = False
    """Whether the answer is the last iterate, rather than the one with the least error."""
    planned: ClassVar[bool] = False
    """Whether what it does depends on the budget, so that no iterations can be added later."""
    per_frame: ClassVar[bool] = False
    """Whether its iterations are counted for each new frame, as those of online methods are."""

    def __new__(cls, *_: Any, **given: Any) -> Self:
        """Tell who looks for the module of the same name where it is."""
        shared = given.keys() & STFT_KEYWORDS
        own = inspect.signature(cls.__init__).parameters.keys() if shared else ()
        foreign = sorted(shared.difference(own))
        if foreign:
            raise SpecInvError(
                f"{cls.__name__} holds the settings of an algorithm, to which {foreign[0]} does "
                f"not belong: invert(spec, {cls.__name__}(...), {foreign[0]}=...). The modules are "
                f"in torch_specinv.nn, such as torch_specinv.nn.GriffinLim({foreign[0]}=...)."
            )
        return super().__new__(cls)

    @abstractmethod
    def solver(self, problem: SpectrogramProblem, budget: int, engine: MakeSolver) -> Solver[Any]:
        """Return what solves `problem` in `budget` iterations."""

    def iterations_of_equal_cost(self, iterations: int, geometry: Geometry) -> int:
        """Return how many of its iterations cost as much as `iterations` of Griffin-Lim, or 1.

        The cost is counted in transformed frames: an iteration of Griffin-Lim analyses and
        synthesises every frame once. Fair comparisons give each method what this returns. It says
        nothing of seconds, in which frame after frame is slower than all frames at once.
        """
        return iterations


class PointwiseAlgorithm(Algorithm):
    """An algorithm whose iterations are a pure, pointwise rule between two transforms.

    Every iteration is the same trip from wave to wave. An engine does the transforms, a subclass
    the rest::

        spectrum = analyse(extrapolated)
        estimate, memory = rule(spectrum, memory, constraint, step)
        wave = synthesise(estimate)
        extrapolated, past = mix(wave, past, step)

    With more than one of :meth:`interlaced_groups`, the groups of frames make this trip one after
    the other within each iteration. Each has its own memory, and starts from the wave to which the
    groups before it have contributed already.

    Rules are pointwise in time, frequency and batch, so that an engine may hand them any part of
    a spectrum or wave. They never change their arguments, and neither count nor print nor stop:
    the loop does.
    """

    steady: ClassVar[bool] = False
    """Whether all iterations but the first are the same, so that one can be recorded."""

    coefficients_are_the_rule: ClassVar[bool] = False
    """Whether :meth:`coefficients` says all that the rule does; see there."""

    def __init_subclass__(cls) -> None:
        """Tell whether the numbers of a subclass are those of its rule, or only inherited."""
        super().__init_subclass__()
        rule = {"rule", "begin", "answer", "remember", "mix"}
        if "coefficients" in vars(cls):
            cls.coefficients_are_the_rule = True
        elif rule & vars(cls).keys():
            cls.coefficients_are_the_rule = False

    def solver(self, problem: SpectrogramProblem, budget: int, engine: MakeSolver) -> Solver[Any]:
        """Let the engine carry out the rule."""
        return engine(problem, self, budget)

    def interlaced_groups(self) -> int:
        """Return how many groups of frames are updated in turn: two are even and odd frames."""
        return 1

    def begin(self, spectrum: Tensor, constraint: Constraint) -> Memory:
        """Return the spectral memory before the first iteration, given the starting spectrum."""
        return ()

    @abstractmethod
    def rule(
        self, spectrum: Tensor, memory: Memory, constraint: Constraint, step: Step
    ) -> tuple[Tensor, Memory]:
        """Turn a consistent spectrum (batch, bins, frames) into the next estimate."""

    def remember(self, wave: Tensor) -> Memory:
        """Return the waves to keep before the first iteration, given the starting wave."""
        return ()

    def mix(self, wave: Tensor, past: Memory, step: Step) -> tuple[Tensor, Memory]:
        """Mix the new wave (batch, samples) with past ones into the wave to analyse next.

        The transform is linear, so momentum on consistent spectra is momentum on waves, at a
        fraction of the memory.
        """
        return wave, past

    def coefficients(self, step: Step) -> Momentum | Projection | Relaxation | None:
        """Return an iteration as numbers, or None, the default, where it is no such sum.

        The native engine computes an iteration from these numbers and does not call the rule, but
        `mix` if it is a :class:`~torch_specinv.solve.Projection`. The type must be the same for all
        iterations. A subclass that changes another method of its parent, and not this one, has a
        rule of its own: the numbers are then not used.
        """
        return None

    def answer(self, memory: Memory, constraint: Constraint) -> Tensor | None:
        """Return the spectrum whose synthesis is the result, if that is not the estimate."""
        return None


#: Makes the solver that carries out a pointwise rule in a number of iterations.
MakeSolver = Callable[[SpectrogramProblem, PointwiseAlgorithm, int], Solver[Any]]

_A = TypeVar("_A", bound=type[Algorithm])

#: The algorithms by name.
ALGORITHMS: Registry[type[Algorithm]] = Registry("algorithm")


def register(name: str) -> Callable[[_A], _A]:
    """Make an algorithm available as ``invert(spec, name)``, in tests and benchmarks.

    Parameters
    ----------
    name : str
        The name under which it is known.

    Returns
    -------
    callable
        A decorator that returns the class unchanged.
    """
    return ALGORITHMS.register(name)


def hyperparameters(algorithm: type[Algorithm]) -> dict[str, Any]:
    """Return the names and defaults of an algorithm's hyperparameters."""
    fields = dataclasses.fields(algorithm) if dataclasses.is_dataclass(algorithm) else ()
    return {field.name: field.default for field in fields}


def make_algorithm(algorithm: str | Algorithm, keywords: dict[str, Any]) -> Algorithm:
    """Return the algorithm a user asks for; its hyperparameters are taken out of `keywords`."""
    if isinstance(algorithm, Algorithm):
        return algorithm
    kind = ALGORITHMS.named(algorithm)
    given = {name: keywords.pop(name) for name in hyperparameters(kind) if name in keywords}
    try:
        return kind(**given)
    except TypeError as error:
        raise SpecInvError(f"algorithm={algorithm!r}: {error}") from error
