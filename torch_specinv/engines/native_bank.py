"""The bank of a problem of bands, as the native engine is told of it."""

from __future__ import annotations

from torch import Tensor

from ..constraints.bands import Bands
from ..forks import cached_property
from ..native import NativeBank, NativePlan
from ..solve.problem import SpectrogramProblem


class BankInLanes:
    """The tables of a bank in the order of a plan, and room for numbers of all bins.

    Parameters
    ----------
    bands : Bands
        Whose bank it is.
    plan : NativePlan
        How its spectra are laid out.
    """

    def __init__(self, bands: Bands, plan: NativePlan) -> None:
        self._plan, self._power = plan, int(bands.power)
        self._tables = bands.tables.in_order(plan.order)

    @classmethod
    def of(cls, problem: SpectrogramProblem, plan: NativePlan) -> BankInLanes | None:
        """Return that of a problem, or None where bins are known."""
        constraint = problem.given
        return cls(constraint, plan) if isinstance(constraint, Bands) else None

    @cached_property
    def _gains(self) -> Tensor:
        return self._plan.layout.spectra(self._plan.batch, len(self._plan.order), 1)

    def told(self, *, gains: bool = False, **how: bool) -> NativeBank:
        """Return it for a run, perhaps with room for gains; `how` is more of a NativeBank."""
        return NativeBank(self._tables, self._power, self._gains if gains else None, **how)

    def sums(self, frames: int) -> Tensor:
        """Return what a run of MEASURE left in that room: (batch, bands, frames)."""
        bands = len(self._tables.inverse)
        return self._plan.layout.unpack_bands(self._gains[:, :, :bands], frames)
