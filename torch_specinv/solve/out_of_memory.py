"""Batches that do not fit in memory: as many items at a time as do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import SpecInvError, warn
from ..transform.sizes import ceil_div
from .memory import is_full
from .recorded import KEPT
from .result import Inversion, RunState

#: Solves the items with these numbers, or all for None, from where an earlier run ended.
Attempt = Callable[[Tensor | None, RunState | None], Inversion]


class Part(NamedTuple):
    """How many items were solved together, and what is needed to go on with them."""

    items: int
    state: RunState | None


def in_parts(
    attempt: Attempt,
    count: int,
    device: torch.device,
    generator: torch.Generator | None,
    earlier: Sequence[Part] = (),
) -> Inversion:
    """Run all items at once or, where memory does not hold them, half as many at a time.

    All of an attempt, from posing the problem on, is made again for the items of a part.

    Parameters
    ----------
    attempt : callable
        Runs the items whose numbers it is given.
    count : int
        Items of the batch.
    device : torch.device
        Where the batch is.
    generator : torch.Generator, optional
        Its state is restored before each part, so that all parts draw the same phases.
    earlier : sequence of Part, optional
        The parts of a run to go on with.

    Raises
    ------
    SpecInvError
        If a single item is too large.
    """
    size = count
    drawn = (generator or torch.default_generator).get_state()
    while True:
        sizes = [min(size, count - first) for first in range(0, count, max(size, 1))]
        parts = earlier or [Part(number, None) for number in sizes]
        done: list[Inversion] = []
        try:
            first = 0
            for number, state in parts:
                (generator or torch.default_generator).set_state(drawn)
                items = torch.arange(first, first + number, device=device)
                done.append(attempt(None if number == count else items, state))
                first += number
        except RuntimeError as error:
            if not is_full(error):
                raise
            full = str(error).partition("\n")[0]
        else:
            if len(done) == 1:
                return done[0]
            if not earlier:
                warn(
                    f"{count} items do not fit in the memory of {device} at once: {size} did.",
                    RuntimeWarning,
                )
            return _join(done)
        # only here, outside of the handler, is what the failed attempt held given back
        done.clear()
        KEPT.clear()
        if device.type == "cuda":
            torch.cuda.empty_cache()
        if size <= 1 or earlier:
            raise SpecInvError(
                f"a single item does not fit in the memory of {device} ({full}): cut it into "
                "shorter ones, or use invert_long, which goes from file to file on the CPU."
                if not earlier
                else f"the parts of this batch no longer fit in the memory of {device} ({full}): "
                "free some, or run it again from the start."
            )
        size = ceil_div(size, 2)


def _join(parts: Sequence[Inversion]) -> Inversion:
    """Put the parts of a batch together. Where one ended early, its last values are repeated."""
    longest = max(parts, key=lambda part: len(part.evaluated))
    count = len(longest.evaluated)
    samples = max(part.wave.shape[-1] for part in parts)

    def stretched(rows: Tensor) -> Tensor:
        return torch.cat([rows, rows[-1:].expand(count - len(rows), -1)])

    def padded(wave: Tensor) -> Tensor:
        return torch.nn.functional.pad(wave, (0, samples - wave.shape[-1]))

    states = tuple(Part(len(part.wave), part.state) for part in parts)
    return Inversion(
        wave=torch.cat([padded(part.wave) for part in parts]),
        history={
            name: torch.cat([stretched(part.history[name]) for part in parts], 1)
            for name in longest.history
        },
        evaluated=longest.evaluated,
        iterations=torch.cat([part.iterations for part in parts]),
        status=tuple(status for part in parts for status in part.status),
        inconsistency=torch.cat([part.inconsistency for part in parts]),
        kinds=tuple(kind for part in parts for kind in part.kinds),
        per_source={
            name: torch.cat([part.per_source[name] for part in parts])
            for name in longest.per_source
        },
        state=RunState(None, None, longest.evaluated[-1], parts=states),
        geometry=parts[0].geometry,
    )
