"""Batches that do not fit in memory: as many items at a time as do."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..errors import SpecInvError, warn
from .result import Inversion


def in_parts(
    attempt: Callable[[Tensor | None], Inversion],
    count: int,
    device: torch.device,
    generator: torch.Generator | None,
) -> Inversion:
    """Run all items at once or, where memory does not hold them, half as many at a time.

    Parameters
    ----------
    attempt : callable
        Runs the items whose numbers it is given, or all for None.
    count : int
        How many there are.
    device : torch.device
        Where.
    generator : torch.Generator, optional
        Put back before each part, so that all draw the same.

    Raises
    ------
    SpecInvError
        If a single item is too large.
    """
    size = count
    drawn = (generator or torch.default_generator).get_state()
    while True:
        parts: list[Inversion] = []
        try:
            for first in range(0, count, max(size, 1)):
                (generator or torch.default_generator).set_state(drawn)
                items = torch.arange(first, min(first + size, count), device=device)
                parts.append(attempt(None if size == count else items))
        except RuntimeError as error:
            if not _is_full(error):
                raise
            full = str(error).partition("\n")[0]
        else:
            if size == count:
                return parts[0]
            warn(
                f"{count} items do not fit in the memory of {device} at once: {size} did.",
                RuntimeWarning,
            )
            return _join(parts)
        # only here, outside of the handler, is what the failed attempt held given back
        parts.clear()
        if device.type == "cuda":
            torch.cuda.empty_cache()
        if size <= 1:
            raise SpecInvError(
                f"a single item does not fit in the memory of {device} ({full}): cut it into "
                "shorter ones, or use invert_long, which goes from file to file on the CPU."
            )
        size = -(-size // 2)


def _is_full(error: RuntimeError) -> bool:
    """Tell whether memory is what is missing; on a CPU torch has no exception of its own."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _join(parts: Sequence[Inversion]) -> Inversion:
    """Put parts of a batch together; where one ended early its last values stay."""
    longest = max(parts, key=lambda part: len(part.evaluated))
    count = len(longest.evaluated)

    def stretched(rows: Tensor) -> Tensor:
        return torch.cat([rows, rows[-1:].expand(count - len(rows), -1)])

    return Inversion(
        wave=torch.cat([part.wave for part in parts]),
        history={
            name: torch.cat([stretched(part.history[name]) for part in parts], 1)
            for name in longest.history
        },
        evaluated=longest.evaluated,
        iterations=torch.cat([part.iterations for part in parts]),
        status=tuple(status for part in parts for status in part.status),
    )
