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

from typing import cast

import torch
from torch import Tensor

from .. import native
from ..errors import SpecInvError

#: Units of phase in one turn.
TURN = 2**32
# Borůvka at least halves the number of basins in each round. Basins that are still apart after
# three are separated by silence so deep that their phases need not agree. So often are paths
# doubled in each: as often as music needs, and a look at the end whether that was enough.
_JOINING = (5, 4, 3)
_ROUNDS = len(_JOINING)

# How often the paths of all bins are doubled, before those that are longer are looked for: on a
# device, which must be asked for them, and on a CPU
_DENSE = (7, 3)

_ALL, _LOW, _HIGH = slice(None), slice(None, -1), slice(1, None)
# The lower and the upper ends of all edges along time and along frequency of (batch, frames, bins)
_TIME = ((_ALL, _LOW, _ALL), (_ALL, _HIGH, _ALL))
_FREQUENCY = ((_ALL, _ALL, _LOW), (_ALL, _ALL, _HIGH))
# Which neighbour each bin is compared with, in the order of their numbers; a bin that stays where
# it is has the number 7, which wins ties, so that there are no cycles, and one of no strength 6
_NEIGHBOURS = (_TIME, _TIME[::-1], _FREQUENCY, _FREQUENCY[::-1])
_SILENT, _STAYS = 6, 7
# The largest number whose bits are all taken for that
_NOTHING = 7 * 2.0**-149
# The bits of a key for an edge that number it
_NUMBER = 32


def is_compiled(strength: Tensor) -> bool:
    """Tell whether compiled code has phases of what lies there, such as a strength."""
    return strength.device.type == "cpu" and not native.missing()


def integrate(
    strength: Tensor,
    steps: Tensor | tuple[Tensor, Tensor] | native.Slopes,
    tol: float,
    peak: Tensor | None = None,
    unit: float = 0.0,
) -> Tensor:
    """Integrate phase steps from strong bins to weak ones.

    Parameters
    ----------
    strength : Tensor
        Shape (batch, frames, bins), float32, from 0 to 1.
    steps : Tensor, tuple of Tensor, or Slopes
        The phase of (t + 1, f), and of (t, f + 1), minus that of (t, f): int32, two of the same
        shape; the last row, or column, is not looked at. Compiled code may be given what they are
        made of.
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
    compiled = is_compiled(strength)
    if strength.numel() >= (2**31 if compiled else 2**29):
        raise SpecInvError(f"{strength.numel()} bins are too many for one batch: split it.")
    if compiled:
        return native.integrate(strength, steps, tol, _ROUNDS, peak, unit)
    if not isinstance(steps, Tensor):
        steps = torch.stack(cast(tuple[Tensor, Tensor], steps))
    along = steps.view(-1)
    strength = torch.nn.functional.threshold(strength, max(tol, _NOTHING), 0.0)
    path, is_root = _ascend(strength, along)
    path = _jump(path, _DENSE[strength.device.type == "cpu"])
    longer = path[:, 0].index_select(0, path[:, 0]) != path[:, 0]
    numbers = is_root.cumsum(0, dtype=torch.int32)
    # one look for both
    some, basins = torch.stack([longer.sum(dtype=torch.int32), numbers[-1]]).tolist()
    if some:
        _jump_further(path, longer)
    # bins of no strength are in basin 0, which has no borders
    path[:, 0] = numbers.mul_(is_root).index_select(0, path[:, 0])
    ends, weights = _borders(strength, path, along)
    if len(weights):
        ends = _follow(ends, path)
        path = _follow(path, _join(ends, weights, basins + 1))
    return path[:, 1].view(strength.shape)


def _take(paths: Tensor, which: Tensor) -> Tensor:
    """Return some of the paths (count, 2)."""
    # both numbers at once
    taken = paths.view(torch.int64).view(-1).index_select(0, which)
    return taken.view(torch.int32).view(-1, 2)


def _follow(paths: Tensor, onward: Tensor) -> Tensor:
    """Return paths that go on from where they end.

    A path is two numbers, int32: where it ends, and the phase of its beginning minus that of its
    end. Paths are (count, 2), the first one that of place 0.
    """
    further = _take(onward, paths[:, 0])
    further[:, 1].add_(paths[:, 1])
    return further


def _jump(paths: Tensor, doublings: int) -> Tensor:
    """Follow paths to the roots, if those are no further than so many doublings reach."""
    for _ in range(doublings):
        paths = _follow(paths, paths)
    return paths


def _jump_further(paths: Tensor, longer: Tensor) -> None:
    """Follow the few that are left to the roots, in place."""
    left = longer.nonzero().view(-1)
    while len(left):
        further = _follow(_take(paths, left), paths)
        paths[left] = further
        left = left[paths[:, 0].index_select(0, further[:, 0]) != further[:, 0]]


def _ascend(strength: Tensor, along: Tensor) -> tuple[Tensor, Tensor]:
    """Return the path from each bin to its parent, and which bins are roots."""
    bins, size = strength.shape[-1], strength.numel()
    # the bits of positive floats are in the order of the floats; the lowest three make room for
    # the number of the neighbour
    bits = strength.view(torch.int32) & ~7
    # a bin of no strength stays out of the forest, even if a neighbour has some
    best = (bits | _STAYS).masked_fill_(bits == 0, 2**31 - 8 + _SILENT)
    for number, (low, high) in enumerate(_NEIGHBOURS):
        if number:
            bits.add_(1)
        torch.maximum(best[high], bits[low], out=best[high])
    way = (best & 7).view(-1)
    # where the neighbour lies, and the step: that of the lower end of both
    to = [-bins, -bins, bins, 0, -1, size - 1, 1, size, *[0] * 8]
    sign = [1, -1, 1, -1, *[0] * 4]
    table = torch.tensor(to + sign, dtype=torch.int32, device="cpu")
    table = table.to(strength.device, non_blocking=True)
    place = torch.arange(size, dtype=torch.int32, device=strength.device)
    path = _take(table[:16].view(8, 2), way).add_(place.unsqueeze(1))
    step = along.index_select(0, path[:, 1])
    torch.mul(step, table[16:].index_select(0, way), out=path[:, 1])
    return path, way == _STAYS


def _borders(strength: Tensor, path: Tensor, along: Tensor) -> tuple[Tensor, Tensor]:
    """Find the edges between basins; of two side by side between the same, the stronger.

    Returns
    -------
    tuple of Tensor
        Of each edge two paths to bins, (2 edges, 2): with the step to the bin at the lower end, and
        with none to that at the upper end. And the strength of the weaker of both bins, (edges,).
    """
    basin, bins = path[:, 0].view(strength.shape), strength.shape[-1]
    every = strength.new_zeros(2, *strength.shape)
    for weights, (low, high), (one, other) in zip(
        every, (_TIME, _FREQUENCY), (_FREQUENCY, _TIME), strict=True
    ):
        here, there, weight = basin[low], basin[high], weights[low]
        torch.minimum(strength[low], strength[high], out=weight)
        weight.mul_(here != there)
        between = torch.stack([here, there], -1).view(torch.int64).squeeze(-1)
        same = between[one] == between[other]
        weaker = weight[one] < weight[other]
        weight[one].masked_fill_(same & weaker, 0)
        weight[other].masked_fill_(same > weaker, 0)
    found = every.view(2, -1).nonzero()  # first all along time, then all along frequency
    frequency, lower = found.unbind(1)
    upper = (lower + bins).sub_(frequency, alpha=bins - 1)
    ends = path.new_zeros(len(found), 4)
    ends[:, 0], ends[:, 1], ends[:, 2] = lower, along.view(2, -1)[frequency, lower], upper
    return ends.view(-1, 2), every.view(2, -1)[frequency, lower]


def _join(
    ends: Tensor, weights: Tensor, basins: int, doublings: tuple[int, ...] = _JOINING
) -> Tensor:
    """Return the path of each basin along its strongest borders (Borůvka)."""
    count, device = 2 * len(weights), ends.device
    itself = torch.arange(basins + basins % 2, dtype=torch.int32, device=device)
    stays = torch.stack([itself, torch.zeros_like(itself)], 1)
    # what a basin has beside borders is itself
    given, ends = ends, torch.cat([ends, stays])
    least = torch.arange(count, len(ends), device=device)
    # of each end: the weight first, then the edge, a total order, so that the only cycles are
    # pairs; then which is the other end
    key = torch.arange(count, device=device).bitwise_xor_(1).view(-1, 2)
    key |= weights.view(torch.int32).long().unsqueeze(1) << _NUMBER
    whole = path = stays
    arrived: list[Tensor] = []
    for turn, rounds in enumerate(doublings):
        if turn:
            ends = _follow(ends, path)
            edges = ends[:count].view(-1, 4)
            key.masked_fill_((edges[:, 0] == edges[:, 2]).unsqueeze(1), -1)  # joined already
        top = least.scatter_reduce(0, ends[:count, 0].long(), key.view(-1), "amax")
        far = top & (1 << _NUMBER) - 1
        path = _take(ends, far)
        path[:, 1].sub_(ends[:, 1].index_select(0, far ^ 1))
        # the root is the first of the pair, and what has no parent
        parent = path[:, 0]
        root = torch.minimum(parent, parent.index_select(0, parent)) == itself
        path = _jump(torch.where(root.unsqueeze(1), stays, path), rounds)
        arrived.append(root.index_select(0, path[:, 0]))
        whole = _follow(whole, path) if turn else path
    longest = (basins.bit_length(),) * _ROUNDS
    if doublings != longest and not bool(torch.cat(arrived).all()):
        return _join(given, weights, basins, longest)
    return whole
