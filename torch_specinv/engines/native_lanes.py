"""A problem in lanes: what is known, as compiled code reads it, and what waves are made of it."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ..constraints.sources import Sources
from ..native import Layout, NativeBank, NativePlan, Row, Rule
from ..solve.known import Unscaled
from ..solve.problem import SpectrogramProblem
from .buffers import by_item, by_row
from .native_bank import BankInLanes


class ProblemInLanes:
    """The magnitude or the bands of a problem, and sweeps over waves in the same layout.

    Parameters
    ----------
    problem : SpectrogramProblem
        With a Magnitude, Bands or Sources.
    layout : Layout
        Where frames lie.
    threads : int
        The most threads that work.
    magnitude : Tensor, optional
        What is known, if it is in lanes already.
    """

    def __init__(
        self,
        problem: SpectrogramProblem,
        layout: Layout,
        threads: int,
        magnitude: Tensor | None = None,
    ) -> None:
        self.problem, self.each = problem, problem.waves_per_item
        self.plan = NativePlan(problem.stft, problem.like.shape[:-2].numel(), layout, threads)
        self.bank, self._packed = BankInLanes.of(problem, self.plan), magnitude
        self._rooms: dict[int, Tensor] = {}
        self.mixture = self._synthesise_mixture()

    @property
    def magnitude(self) -> Tensor:
        """What is known; not there before it is asked for, so that a start has room."""
        if self._packed is None:
            target = self.problem.like.flatten(0, -3)
            laid_out = self.plan.pack if self.bank is None else self.plan.layout.bands
            self._packed = laid_out(target)
            if isinstance(self.problem.known, Unscaled):
                self._packed.div_(self.problem.scale.view(-1, *[1] * (self._packed.ndim - 1)))
                self.problem.release()
        return self._packed

    def magnitude_of(self, items: Tensor) -> Tensor:
        """Return what is known of some items."""
        return by_row(by_item(self.magnitude, self.each)[items], self.each)

    def release(self) -> None:
        """Let go of what is known, and of waves that nobody keeps."""
        self._packed = None
        self._rooms.clear()

    def new_waves(self) -> tuple[Tensor, Tensor]:
        """Return two waves."""
        return self.plan.waves(), self.plan.waves()

    def room(self, number: int) -> Tensor:
        """Return memory for waves that nobody keeps: the same every time, whatever is in it."""
        if number not in self._rooms:
            self._rooms[number] = self.plan.waves()
        return self._rooms[number]

    def told_of_bank(self, **how: bool) -> NativeBank | None:
        """Return what a run is told of the bank, if there is one."""
        return None if self.bank is None else self.bank.told(**how)

    def synthesise(
        self, variable: Tensor, waves: tuple[Tensor, Tensor], *, starts: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Synthesise the projected variable, into one wave or into two, by turns."""
        bank = self.told_of_bank(starts=starts)
        self.plan.run(Rule.ANSWER, [Row()], waves, self.magnitude, (variable,), bank)
        return self.in_order(waves)

    def in_order(self, waves: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Return waves that were written in one iteration, the newest first."""
        if self.plan.layout.turns == 2:
            return waves
        self.mix_(waves[1])
        return waves[1], waves[0]

    def mix_(self, waves: Tensor) -> None:
        """Let waves of sources add up to their mixture."""
        if self.mixture is not None:
            sources = by_item(waves, self.each)
            lacking = self.mixture - sources.sum(1)
            sources.add_(lacking.div_(sources.shape[1]).unsqueeze(1))

    def _synthesise_mixture(self) -> Tensor | None:
        """Return the wave of each item's mixture."""
        constraint = self.problem.given
        if not isinstance(constraint, Sources):
            return None
        every = constraint.mixture.unsqueeze(1).expand_as(constraint.target).flatten(0, 1)
        waves, spectra = self.new_waves(), self.plan.pack(every)
        self.plan.run(Rule.ANSWER, [Row()], waves, self.plan.pack(every.abs()), (spectra,))
        return by_item(waves[1], self.each)[:, 0].clone()

    def finished(
        self, answer: Tensor, wave: Tensor, *, gains: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Return waves as they are to be returned, of which the answer holds the samples in lanes.

        And their errors. For `gains` see :meth:`measure`.
        """
        wave = self.problem.finish(wave)
        if self.problem.stft.poorly_covered is not None:
            answer = self.plan.lay(by_row(wave.detach(), self.each))  # clicks are gone
        error = by_item(self.measure(answer, gains=gains).sum(1), self.each)
        return wave, error.flatten(1).sum(1) if error.ndim > 1 else error

    def unpack(self, lanes: Tensor) -> Tensor:
        """Return waves (batch, ..., samples)."""
        return by_item(self.plan.unpack(lanes), self.each)

    def measure(self, lanes: Tensor, *, gains: bool = False) -> Tensor:
        """Return the squared error of each wave, (waves, 2).

        That of bins with a mirror image (of bands: of all), and of those without one. With
        `gains` the sums of a bank are written there.
        """
        sums, bank = self.plan.sums(), self.told_of_bank(gains=gains)
        self.plan.run(Rule.MEASURE, [Row()], (lanes, sums), self.magnitude, (), bank)
        return sums.sum((1, 3))

    def nearest(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """Do what :meth:`.Engine.look` does, of a magnitude."""
        g, lanes = self.problem.stft.geometry, self.plan.lay(wave)
        nearest = self.room(0).zero_()  # where NaN may be of a trial that went astray
        inner, single = self.measure(lanes).unbind(1)
        value = (inner + 0.5 * single) / (1 if g.normalized else g.n_fft)
        self.plan.run(Rule.PROJECT, [Row(u=1.0)], (lanes, nearest), self.magnitude)
        return value, self.plan.unpack(nearest)

    @property
    def adds_up(self) -> bool:
        """Whether there is a bank whose sums there is room for."""
        return self.bank is not None and self.problem.like.shape[-2] <= len(self.plan.order)

    def sums(self) -> Tensor:
        """Return the sums (batch, bands, frames) of the waves that were measured with `gains`."""
        assert self.bank is not None
        return self.bank.sums(self.problem.stft.geometry.frames)

    def scaled(self, wave: Tensor, ratio: Callable[[Tensor], Tensor], count: int) -> Tensor:
        """Do what :meth:`.Solver.scaled` does, where it :attr:`adds_up`."""
        waves = self.plan.lay(wave), self.plan.waves()
        for _ in range(count):
            self.measure(waves[0], gains=True)
            factors = self.plan.layout.bands(ratio(self.sums()))
            bank = self.told_of_bank(scales=True)
            self.plan.run(Rule.PROJECT, [Row(u=1.0)], waves, factors, (), bank)
            waves = waves[1], waves[0]
        return self.plan.unpack(waves[0])
