r"""Algorithms for sources of a mixture: consistency, mixing and magnitudes, each hard or soft.

With :math:`P_C = A A^+` the projection on the spectra of waveforms, :math:`P_S` that on the
magnitudes, and

.. math:: P_X(C)_j = C_j + w_j \Bigl( X - \sum_i C_i \Bigr), \qquad \sum_j w_j = 1,

which divides what is lacking of the mixture, Magron and Virtanen have five combinations. They start
from :math:`C_j = S_j X / |X|`, and the answer is :math:`A^+ C`, the last one. :math:`\gamma` is the
weight of consistency.

- MISI, "misi": :math:`C \leftarrow P_X P_S P_C C`. It is
  :class:`~.griffin_lim.GriffinLim` with ``alpha=0`` and ``constraint=Mixture(...)``.
- Inconsistency with hard mixing, "incons_hard_mix": :math:`C \leftarrow P_X P_C C`. Magnitudes
  count at the start only, and one iteration is all that it takes.
- Mixing and inconsistency with hard magnitudes, "mix_incons_hard_mag":
  :math:`C \leftarrow P_S(P_X C + \gamma w \, P_C C)`.
- Mixing and inconsistency, "mix_incons":
  :math:`C \leftarrow (P_X C + \gamma w \, P_C C) / (1 + \gamma w)`.
- Magnitudes and inconsistency with hard mixing, "mag_incons_hard_mix":
  :math:`C \leftarrow P_X \frac{P_S C + \gamma P_C C}{1 + \gamma}`.

References
----------
- Magron, Virtanen: "Spectrogram inversion for audio source separation via consistency, mixing, and
  magnitude constraints", 2023.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from torch import Tensor

from ..constraints.base import Constraint
from ..constraints.sources import Sources
from ..errors import SpecInvError, check_not_negative
from ..registry import Registry
from ..solve.algorithm import Algorithm, MakeSolver, Memory, PointwiseAlgorithm, Step
from ..solve.problem import SpectrogramProblem
from ..solve.solver import Solver
from .griffin_lim import GriffinLim

#: What :func:`torch_specinv.separate` takes by name beside the algorithms of all magnitudes.
MIXING: Registry[type[Algorithm]] = Registry("algorithm")


class _Mixing(PointwiseAlgorithm):
    """An algorithm whose rule itself makes sources add up, or nearly so."""

    adds_up: ClassVar[bool] = True
    """Whether the sources add up to the mixture in the end."""
    steady: ClassVar[bool] = True
    answers_last: ClassVar[bool] = True

    def solver(self, problem: SpectrogramProblem, budget: int, engine: MakeSolver) -> Solver[Any]:
        """Leave it to the rule to make sources add up."""
        constraint = problem.constraint
        if not isinstance(constraint, Sources):
            raise SpecInvError(
                f"{type(self).__name__} is for sources of a mixture: use separate, or pass "
                "constraint=Mixture(mixture)."
            )
        wave = constraint.wave if self.adds_up else None
        free = replace(constraint, mixes=False, wave=wave)
        return engine(replace(problem, known=free), self, budget)

    def begin(self, spectrum: Tensor, constraint: Constraint) -> Memory:
        """Remember the estimate."""
        return (spectrum,)

    def rule(
        self, spectrum: Tensor, memory: Memory, constraint: Constraint, step: Step
    ) -> tuple[Tensor, Memory]:
        """Return the next estimate, which is remembered."""
        assert isinstance(constraint, Sources)
        estimate = self.estimate(memory[0], spectrum, constraint)
        return estimate, (estimate,)

    @abstractmethod
    def estimate(self, last: Tensor, consistent: Tensor, constraint: Sources) -> Tensor:
        """Return the next estimate of the last one and its consistent part."""

    def answer(self, memory: Memory, constraint: Constraint) -> Tensor:
        """Return the estimate."""
        return memory[0]


@dataclass(frozen=True)
class _Weighted(_Mixing):
    consistency: float | Tensor = 1.0

    def __post_init__(self) -> None:
        check_not_negative("consistency", self.consistency, "Usual: 0.1 to 100.")


@MIXING.register("misi")
@dataclass(frozen=True)
class MISI(GriffinLim):
    r"""Multiple input spectrogram inversion: :math:`C \leftarrow P_X P_S P_C C`.

    Griffin-Lim without momentum, for sources that are made to add up in every iteration and at the
    start.

    References
    ----------
    - Gunawan, Sen: "Iterative phase estimation for the synthesis of separated sources from
      single-channel mixtures", 2010.
    """

    alpha: float | Tensor = 0.0


@MIXING.register("incons_hard_mix")
@dataclass(frozen=True)
class InconsHardMix(_Mixing):
    """Make the start consistent and let it add up: :math:`C = P_X P_C C_0`, once and for all."""

    def estimate(self, last: Tensor, consistent: Tensor, constraint: Sources) -> Tensor:
        """Let the consistent spectra add up."""
        return constraint.mix(consistent)


@MIXING.register("mix_incons_hard_mag")
@dataclass(frozen=True)
class MixInconsHardMag(_Weighted):
    r"""Exact magnitudes, soft mixing: :math:`C \leftarrow P_S(P_X C + \gamma w \, P_C C)`.

    Parameters
    ----------
    consistency : float or Tensor, default 1.0
        :math:`\gamma`, the weight of consistency.
    """

    adds_up: ClassVar[bool] = False

    def estimate(self, last: Tensor, consistent: Tensor, constraint: Sources) -> Tensor:
        """Set the magnitude of a weighted sum."""
        weight = self.consistency * constraint.share
        return constraint.project(constraint.mix(last) + weight * consistent)


@MIXING.register("mix_incons")
@dataclass(frozen=True)
class MixIncons(_Weighted):
    r"""Soft mixing without magnitudes: a mean of :math:`P_X C` and :math:`P_C C`.

    .. math:: C \leftarrow \frac{P_X C + \gamma w \, P_C C}{1 + \gamma w}

    Parameters
    ----------
    consistency : float or Tensor, default 1.0
        :math:`\gamma`, the weight of consistency.
    """

    adds_up: ClassVar[bool] = False

    def estimate(self, last: Tensor, consistent: Tensor, constraint: Sources) -> Tensor:
        """Average."""
        weight = self.consistency * constraint.share
        return (constraint.mix(last) + weight * consistent) / (1 + weight)


@MIXING.register("mag_incons_hard_mix")
@dataclass(frozen=True)
class MagInconsHardMix(_Weighted):
    r"""Soft magnitudes, exact mixing: :math:`P_X` of a mean of :math:`P_S C` and :math:`P_C C`.

    .. math:: C \leftarrow P_X \frac{P_S C + \gamma P_C C}{1 + \gamma}

    Parameters
    ----------
    consistency : float or Tensor, default 1.0
        :math:`\gamma`, the weight of consistency.
    """

    def estimate(self, last: Tensor, consistent: Tensor, constraint: Sources) -> Tensor:
        """Let the average add up."""
        mean = (constraint.project(last) + self.consistency * consistent) / (1 + self.consistency)
        return constraint.mix(mean)
