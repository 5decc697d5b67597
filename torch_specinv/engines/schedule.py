"""A rule whose numbers change with time, as an iteration that looks them up on the device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..solve.algorithm import PointwiseAlgorithm, Relaxation, Step
from ..solve.relaxed import RelaxedProjections


@dataclass(frozen=True, eq=False)
class Scheduled(RelaxedProjections):
    """Relaxed projections whose iteration is the one that a counter on the device says.

    Whatever number the engine names, so that what is recorded of one iteration serves all.
    """

    groups: int
    """How many groups of frames take turns."""
    constant: Relaxation
    """The numbers that are the same in all iterations; the others are 0 here."""
    changing: tuple[str, ...]
    """The names of the others."""
    table: Tensor
    """Their values (iterations, changing)."""
    counter: Tensor
    """Which iteration is next, (1,), int64."""

    @classmethod
    def of(cls, algorithm: PointwiseAlgorithm, steps: int, like: Tensor) -> Scheduled | None:
        """Write the numbers of all iterations down, or return None for what is no such rule."""
        if not algorithm.coefficients_are_the_rule:
            return None
        rows: list[Relaxation] = []
        for number in range(steps):
            found = algorithm.coefficients(Step(number, steps))
            if not isinstance(found, Relaxation) or any(isinstance(x, Tensor) for x in found):
                return None
            rows.append(found)
        # of the first iteration there is no recording
        alike = [len(set(column)) == 1 for column in zip(*(rows[1:] or rows), strict=True)]
        names = Relaxation._fields
        changing = tuple(name for name, same in zip(names, alike, strict=True) if not same)
        return cls(
            algorithm.interlaced_groups(),
            rows[-1]._replace(**dict.fromkeys(changing, 0.0)),
            changing,
            torch.tensor(
                [[getattr(row, name) for name in changing] for row in rows],
                dtype=like.dtype,
                device=like.device,
            ).view(steps, len(changing)),
            torch.zeros(1, dtype=torch.int64, device=like.device),
        )

    def interlaced_groups(self) -> int:
        """Return what the algorithm says."""
        return self.groups

    def coefficients(self, step: Step) -> Relaxation:
        """Return the numbers at the counter, on the device, whatever step this is."""
        if not self.changing:
            return self.constant
        # while a recording is made the counter runs on: never beyond the table
        place = self.counter.clamp_max(len(self.table) - 1)
        values = self.table.index_select(0, place)[0].unbind()
        return self.constant._replace(**dict(zip(self.changing, values, strict=True)))
