r"""Integrate steps of phase along a maximum spanning forest, in tensor operations alone.

Phase is integrated from bin to bin along strong ones, as the heap of the original method does.
The paths that the heap takes form a maximum spanning forest of the grid, and that can be found
without a heap, for a whole batch at once:

1. the parent of a bin is its largest neighbour, if that is larger than the bin. So each local
   maximum is the root of a tree, its *basin*; pointer jumping finds the root of every bin;
2. a few rounds of Borůvka's algorithm join the basins across their strongest edges;
3. the phase of a bin is its phase in the basin, plus that of the basin.

Phases are 32-bit integers with :math:`2^{32}` to a turn: sums wrap by themselves and are exact, so
that the result depends neither on the order of the additions nor on the rest of the batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from .. import native
from ..errors import SpecInvError

#: Units of phase in one turn.
TURN = 2**32
# Borůvka at least halves the number of basins in each round. Basins that are still apart after
# three are separated by silence so deep that their phases need not agree.
_ROUNDS = 3

# Rounds of jumps for all bins at once, each of which doubles the paths that are done: on a device,
# which must be asked whether any bin is left, and on a CPU
_DENSE = (8, 3)

_ALL, _LOW, _HIGH = slice(None), slice(None, -1), slice(1, None)
# The lower and the upper ends of all edges along time and along frequency of (batch, frames, bins)
_TIME = ((_ALL, _LOW, _ALL), (_ALL, _HIGH, _ALL))
_FREQUENCY = ((_ALL, _ALL, _LOW), (_ALL, _ALL, _HIGH))


@dataclass(frozen=True, eq=False)
class _Edges:
    """Edges between bins of two basins. All tensors are int32 of shape (edges,)."""

    source: Tensor
    """The basin at the lower end, along time or frequency."""
    target: Tensor
    """The basin at the upper end."""
    weight: Tensor
    """The strength of the weaker of both bins, as the bits of a float."""
    step: Tensor
    """The phase of the target basin minus that of the source basin."""

    def take(self, which: Tensor) -> _Edges:
        return _Edges(self.source[which], self.target[which], self.weight[which], self.step[which])


def is_compiled(strength: Tensor) -> bool:
    """Tell whether compiled code has phases of what lies there, such as a strength."""
    return strength.device.type == "cpu" and not native.missing()


def integrate(
    strength: Tensor,
    steps: tuple[Tensor, Tensor] | native.Slopes,
    tol: float,
    peak: Tensor | None = None,
    unit: float = 0.0,
) -> Tensor:
    """Integrate phase steps from strong bins to weak ones.

    Parameters
    ----------
    strength : Tensor
        Shape (batch, frames, bins), float32, from 0 to 1.
    steps : tuple of Tensor, or Slopes
        The phase of (t + 1, f), and of (t, f + 1), minus that of (t, f): int32, of the same shape;
        the last row, or column, is not looked at. Compiled code may be given what they are made of.
    tol : float
        Bins of at most this strength get the phase 0.
    peak : Tensor, optional
        Shape (batch,). For compiled code: strengths are relative to it.
    unit : float, default 0.0
        For compiled code: what to multiply the phase by, which is float32 then.

    Returns
    -------
    Tensor
        The phase, int32, of the same shape. Compiled code, where it is there, gives the same.
    """
    if strength.numel() >= 2**31:
        raise SpecInvError(f"{strength.numel()} bins are too many for one batch: split it.")
    shape, device = strength.shape, strength.device
    if is_compiled(strength):
        return native.integrate(strength, steps, tol, _ROUNDS, peak, unit)
    along_time, along_frequency = cast(tuple[Tensor, Tensor], steps)
    parent, phase, alive = _ascend(strength, along_time, along_frequency, tol)
    places = torch.arange(strength.numel(), dtype=torch.int32, device=device)
    roots = ((parent == places) & alive.view(-1)).nonzero().view(-1)
    parent, phase = _jump(parent, phase)
    basins = torch.arange(len(roots), dtype=torch.int32, device=device)
    number = torch.zeros_like(places).index_copy_(0, roots, basins)
    edges = _borders(strength, alive, parent, phase, number, (along_time, along_frequency))
    number.index_copy_(0, roots, _join(edges, len(roots)))
    return (phase + number.index_select(0, parent)).view(shape)


def _ascend(
    strength: Tensor, along_time: Tensor, along_frequency: Tensor, tol: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the parent of each bin, the phase relative to it, and which bins are above `tol`.

    The first two are flat, the third is (batch, frames, bins).
    """
    bins = strength.shape[-1]
    # the bits of positive floats are in the order of the floats; the lowest three make room for
    # the direction: t-1, t+1, f-1, f+1, and 7 to stay, which wins ties, so that there are no cycles
    bits = torch.where(strength > tol, strength.view(torch.int32), 0) & ~7
    best = bits | 7
    for (low, high), direction in ((_TIME, 0), (_FREQUENCY, 2)):
        torch.maximum(best[high], bits[low] | direction, out=best[high])
        torch.maximum(best[low], bits[high] | (direction + 1), out=best[low])
    alive = bits > 0
    # a bin that is not above tol stays out of the forest, even if a neighbour is above it
    way = torch.where(alive, best & 7, 7).view(-1)
    place = torch.arange(strength.numel(), dtype=torch.int32, device=strength.device)
    # without tables, which the host would have to send; -1 is to the lower neighbour, 0 is to stay
    towards = torch.where(way < 4, 2 * (way & 1) - 1, 0)
    parent = place + towards * torch.where(way < 2, bins, 1)
    # the step belongs to the lower end of an edge
    lower = torch.minimum(place, parent)
    step = torch.where(
        way < 2,
        along_time.view(-1).index_select(0, lower),
        along_frequency.view(-1).index_select(0, lower),
    )
    return parent, -towards * step, alive


def _jump(parent: Tensor, phase: Tensor, longest: int | None = None) -> tuple[Tensor, Tensor]:
    """Replace parents by roots, and phases relative to parents by phases relative to roots.

    Where the `longest` path is known, so is how many rounds there are. Else the bins that are on
    long paths are looked for, which a device has to be asked for.
    """
    rounds = _DENSE[parent.device.type == "cpu"] if longest is None else longest.bit_length()
    for _ in range(rounds):
        phase = phase + phase.index_select(0, parent)
        parent = parent.index_select(0, parent)
    if longest is not None:
        return parent, phase
    left = (parent.index_select(0, parent) != parent).nonzero().view(-1)
    while len(left):  # the few bins on long paths
        over = parent[left]
        root = parent.index_select(0, over)
        phase[left] += phase.index_select(0, over)
        parent[left] = root
        left = left[parent.index_select(0, root) != root]
    return parent, phase


def _borders(
    strength: Tensor,
    alive: Tensor,
    parent: Tensor,
    phase: Tensor,
    number: Tensor,
    steps: tuple[Tensor, Tensor],
) -> _Edges:
    """Collect the edges between basins; of two side by side between the same, the stronger."""
    root = parent.view(strength.shape)
    size, flat = strength.numel(), strength.view(-1)
    keep = alive.new_zeros(2, *strength.shape)
    for way, (along, across) in enumerate(((_TIME, _FREQUENCY), (_FREQUENCY, _TIME))):
        (low, high), (one, other) = along, across
        here, there = root[low], root[high]
        weight = torch.minimum(strength[low], strength[high])
        kept = keep[way][low]
        torch.ne(here, there, out=kept)
        same = (here[one] == here[other]) & (there[one] == there[other])
        weaker = weight[one] < weight[other]
        kept[one] &= ~(same & weaker)
        kept[other] &= ~(same & ~weaker)
        kept &= alive[low] & alive[high]
    found = keep.view(-1).nonzero().view(-1)  # first all along time, then all along frequency
    a = found % size
    b = a + torch.where(found < size, strength.shape[-1], 1)
    step = torch.where(found < size, steps[0].view(-1)[a], steps[1].view(-1)[a])
    return _Edges(
        source=number[parent[a]],
        target=number[parent[b]],
        weight=torch.minimum(flat[a], flat[b]).view(torch.int32),
        step=step + phase[a] - phase[b],
    )


def _join(edges: _Edges, basins: int) -> Tensor:
    """Return the phase of each basin along its strongest borders (Borůvka)."""
    device = edges.source.device
    itself = torch.arange(basins, dtype=torch.int32, device=device)
    group, phase = itself, torch.zeros_like(itself)
    count = len(edges.source)
    for _ in range(_ROUNDS if count else 0):
        # weight first, then number: a total order, so that the only cycles are pairs
        key = (edges.weight.long() << 32) | torch.arange(count, device=device)
        key = torch.where(edges.source == edges.target, -1, key)  # joined already
        top = torch.full((basins,), -1, dtype=torch.int64, device=device)
        top.scatter_reduce_(0, edges.source.long(), key, "amax")
        top.scatter_reduce_(0, edges.target.long(), key, "amax")
        chosen = edges.take((top & 0xFFFFFFFF).masked_fill_(top < 0, 0))
        outward = chosen.source == itself
        parent = torch.where(outward, chosen.target, chosen.source)
        offset = torch.where(outward, -chosen.step, chosen.step)
        pair = (parent.index_select(0, parent) == itself) & (itself < parent)
        root = (top < 0) | pair
        parent, offset = _jump(
            torch.where(root, itself, parent), offset.masked_fill_(root, 0), longest=basins
        )
        phase = phase + offset.index_select(0, group)
        group = parent.index_select(0, group)
        edges = _Edges(
            parent.index_select(0, edges.source),
            parent.index_select(0, edges.target),
            edges.weight,
            edges.step
            + offset.index_select(0, edges.source)
            - offset.index_select(0, edges.target),
        )
    return phase
