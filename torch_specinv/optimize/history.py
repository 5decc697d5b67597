r"""Past moves of many points, and the inverse curvature that they imply.

With moves :math:`s_i`, changes of the gradient :math:`y_i`, the upper triangle R of
:math:`s_i^T y_j` with its diagonal D, and an inverse curvature :math:`\gamma` to begin with, the
inverse Hessian that L-BFGS implies is

.. math:: H g = \gamma g + S a + Y b, \qquad
    b = -\gamma R^{-1} S^T g, \qquad
    a = R^{-T} \bigl( (D + \gamma Y^T Y) R^{-1} S^T g - \gamma Y^T g \bigr)

(Byrd, Nocedal, Schnabel 1994). So long vectors are read twice, and all else is small.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..derivatives import is_differentiated, is_transformed
from ..transform.product import product


@dataclass(frozen=True, eq=False)
class History:
    """The last moves of each item, in a circle: the newest is written over the oldest."""

    vectors: Tensor
    """Moves s and, behind them, changes y of the gradient, (batch, 2 size, n)."""
    crossed: Tensor
    """s_i y_j, (batch, size, size); of i newer than j whatever was there."""
    squares: Tensor
    """y_i y_j, (batch, size, size)."""
    learnt: Tensor
    """1 for moves that tell something, else 0, (batch, size)."""
    oldest: Tensor
    """Where the oldest move is, (batch,), int64, the same for all."""

    @classmethod
    def empty(cls, point: Tensor, size: int) -> History:
        """Return what is known before the first move from points (batch, n)."""
        batch = len(point)
        small = point.new_zeros(batch, size, size)
        return cls(
            vectors=point.new_zeros(batch, 2 * size, point.shape[1]),
            crossed=small,
            squares=small.clone(),
            learnt=point.new_zeros(batch, size),
            oldest=torch.zeros(batch, dtype=torch.int64, device=point.device),
        )

    @property
    def size(self) -> int:
        """How many moves there is room for."""
        return self.learnt.shape[1]

    def add(self, move: Tensor, change: Tensor, gradient: Tensor) -> tuple[History, Tensor, Tensor]:
        """Write a move (batch, n) over the oldest, in place where nothing has a derivative.

        Returns
        -------
        tuple of History, Tensor and Tensor
            What is known now, but for whether the move tells something; the inner products of all
            vectors with the gradient (batch, n); those of the move, and of the change, with the
            change, (batch, 2).
        """
        place, size = self.oldest[:1], self.size
        vectors = _put(self.vectors, place, move.unsqueeze(1))
        vectors = _put(vectors, place + size, change.unsqueeze(1))
        with_change = product(change.unsqueeze(1), vectors.mT)
        with_moves, with_changes = with_change.split(size, 2)
        crossed = _put(self.crossed.mT, place, with_moves).mT
        squares = _put(self.squares, place, with_changes)
        squares = _put(squares.mT, place, with_changes).mT
        after = replace(
            self,
            vectors=vectors,
            crossed=crossed,
            squares=squares,
            oldest=(self.oldest + 1) % size,
        )
        with_gradient = product(gradient.unsqueeze(1), vectors.mT).squeeze(1)
        itself = with_change.squeeze(1).index_select(1, torch.cat([place, place + size]))
        return after, with_gradient, itself

    def marked(self, learnt: Tensor, lost: Tensor) -> History:
        """Say whether the newest move tells something, and which items forget the others."""
        newest = (self.oldest[:1] - 1) % self.size
        kept = torch.where(lost, 0, self.learnt)
        return replace(self, learnt=_put(kept, newest, learnt.to(kept.dtype)))

    def weights(self, products: Tensor, gamma: Tensor) -> Tensor:
        """Return a and b, the weights (batch, 2 size) of vectors, given their products with g."""
        size = self.size
        order = (self.oldest[:1] + torch.arange(size, device=products.device)) % size
        known = self.learnt.index_select(1, order).unsqueeze(2)  # the oldest first
        of_moves, of_changes = (
            part.index_select(1, order).unsqueeze(2) * known for part in products.split(size, 1)
        )
        crossed, squares = (
            part.index_select(1, order).index_select(2, order) * (known * known.mT)
            for part in (self.crossed, self.squares)
        )
        upper = crossed.triu() + torch.diag_embed(1 - known.squeeze(2))
        gamma = gamma.unsqueeze(2)
        u = torch.linalg.solve_triangular(upper, of_moves, upper=True)
        v = crossed.diagonal(dim1=1, dim2=2).unsqueeze(2) * u
        v = v + gamma * (product(squares, u) - of_changes)
        a = torch.linalg.solve_triangular(upper.mT, v, upper=False)
        weights = (torch.cat([a, -gamma * u], 1) * torch.cat([known, known], 1)).squeeze(2)
        places = torch.cat([order, order + size])
        return torch.zeros_like(weights).index_copy(1, places, weights)

    def combined(self, weights: Tensor) -> Tensor:
        """Add the vectors up, with weights (batch, 2 size)."""
        return product(weights.unsqueeze(1), self.vectors).squeeze(1)


def _put(into: Tensor, place: Tensor, values: Tensor) -> Tensor:
    """Write along dimension 1, in place where nothing has a derivative."""
    if is_transformed() or is_differentiated(into) or is_differentiated(values):
        return into.index_copy(1, place, values)
    return into.index_copy_(1, place, values)
