r"""Iterations that follow an inexact magnitude only in what it can be trusted with.

Griffin-Lim sets every magnitude anew. Where the target :math:`S` is wrong in detail, so is what it
sets, and the iterations spend themselves on the errors. Here the spectrum :math:`c` of the last
wave keeps its own details, and is multiplied with a smooth gain. Of a *noisy* or *coarse* target
only local means are followed:

.. math:: c \leftarrow c \, \exp \overline{\log (S / |c|)}

and a *blurred* one is a mean already, with which the mean of the waveform's magnitude is compared:

.. math:: c \leftarrow c \, S / \overline{|c|} .

The bar is the mean over neighbours of :class:`~.local_mean.LocalMean`. For bands instead of bins,
:math:`|c|` is what would be observed, and gains are spread over bins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..solve.problem import SpectrogramProblem
from ..solve.solver import Solver
from .local_mean import LocalMean

# What is added to both sides of a ratio, as a share of an item's largest magnitude: what is 80 dB
# below that says nothing.
_FLOOR = 1e-4


@dataclass(frozen=True, eq=False)
class Treatment:
    """How each item of a batch is treated: widths in rows and in frames, and which way."""

    rows: Tensor
    """Standard deviation of the means over rows, (batch,)."""
    frames: Tensor
    """Standard deviation of the means over frames, (batch,)."""
    blurred: Tensor
    """Whether the target itself is such a mean, bool (batch,)."""


@dataclass(frozen=True, eq=False)
class RatioState:
    """The wave (batch, samples) after some iterations."""

    iteration: int
    wave: Tensor
    treatment: Treatment


@dataclass(frozen=True, eq=False)
class RatioSolver(Solver[RatioState]):
    """Multiplies spectra with smooth ratios. An iteration is one analysis and one synthesis."""

    problem: SpectrogramProblem
    steps: int
    engine: Solver[Any] | None = None
    """Of the same problem; it may have a quick way."""

    def start(self, spectrum: Tensor) -> RatioState:
        """Synthesise the starting spectrum; no means are taken."""
        none = spectrum.real.new_zeros(len(spectrum))
        return self.start_with(spectrum, Treatment(none, none, none > 0))

    def start_with(self, spectrum: Tensor, treatment: Treatment) -> RatioState:
        """Start from a spectrum (batch, bins, frames), with a treatment for each item."""
        return RatioState(0, self.problem.stft.synthesise(spectrum), treatment)

    def advance(self, state: RatioState, until: int) -> RatioState:
        """Make the iterations up to `until`."""
        if until <= state.iteration:
            return state
        stft, constraint, wave = self.problem.stft, self.problem.constraint, state.wave
        ratio = self._ratio_to(state.treatment)
        if self.engine is not None:
            found = self.engine.scaled(wave, ratio, until - state.iteration)
            if found is not None:
                return RatioState(until, found, state.treatment)
        for _ in range(state.iteration, until):
            spectrum = stft.analyse(wave)
            gain = constraint.spread(ratio(constraint.observe(spectrum)))
            assert gain is not None
            wave = stft.synthesise(spectrum * gain)
        return RatioState(until, wave, state.treatment)

    def wave(self, state: RatioState) -> Tensor:
        """Return the last wave."""
        return self.problem.finish(state.wave)

    def misfit(self, state: RatioState, mask: Tensor) -> Tensor:
        """Return how far the means of a wave are from the target, in nepers, (batch,).

        The root mean square over the places of `mask`, bool (batch, rows, frames).
        """
        observed = self.problem.constraint.observe(self.problem.stft.analyse(state.wave))
        target, floor = self._target_and_floor()
        means = self._mean(state.treatment)(observed)
        squares = ((target + floor) / (means + floor)).log().square()
        return (squares * mask).flatten(1).sum(1).div(mask.flatten(1).sum(1).clamp_min(1)).sqrt()

    def select(self, items: Tensor) -> RatioSolver:
        """Go on with some items of the batch."""
        engine = None if self.engine is None else self.engine.select(items)
        return replace(self, problem=self.problem.select(items), engine=engine)

    def _ratio_to(self, treatment: Treatment) -> Callable[[Tensor], Tensor]:
        """Return what compares an observation with the target: what is asked for over what is."""
        mean, blurred = self._mean(treatment), treatment.blurred[:, None, None]
        target, floor = self._target_and_floor()
        wanted = target + floor

        def of_means(observed: Tensor) -> Tensor:
            return wanted / (mean(observed) + floor)

        def smooth(observed: Tensor) -> Tensor:
            return torch.exp(mean((wanted / (observed + floor)).log()))

        if bool(blurred.all()):
            return of_means
        if not bool(blurred.any()):
            return smooth
        return lambda observed: torch.where(blurred, of_means(observed), smooth(observed))

    def _target_and_floor(self) -> tuple[Tensor, Tensor]:
        target = self.problem.target
        largest = target.amax((-2, -1), keepdim=True)
        share = _FLOOR**self.problem.constraint.degree
        return target, share * torch.where(largest > 0, largest, 1)

    def _mean(self, treatment: Treatment) -> LocalMean:
        target = self.problem.target
        shape = (target.shape[-2], target.shape[-1])
        mask = self.problem.stft.frame_mask
        return LocalMean(treatment.rows, treatment.frames, shape, mask)
