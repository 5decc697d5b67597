r"""Past moves of many points, and the inverse curvature that they imply.

With moves :math:`s_i`, changes of the gradient :math:`y_i`, the upper triangle R of
:math:`s_i^T y_j` with its diagonal D, and an inverse curvature :math:`\gamma` to begin with, the
inverse Hessian that L-BFGS implies is

.. math:: H g = \gamma g + S a + Y b, \qquad
    b = -\gamma R^{-1} S^T g, \qquad
    a = R^{-T} \bigl( (D + \gamma Y^T Y) R^{-1} S^T g - \gamma Y^T g \bigr)

(Byrd, Nocedal, Schnabel 1994). So long vectors are read twice, and all else is small. With each
move R gets a column, and so does its inverse, which is what is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..derivatives import is_differentiated, is_transformed
from ..transform.product import less_product, product


@dataclass(frozen=True, eq=False)
class History:
    """The last moves of each item; all but the vectors themselves with the oldest first."""

    vectors: Tensor
    """Each move s and, behind it, the change y of the gradient, (batch, size, 2 n).

    In a circle: the newest is written over the oldest.
    """
    inverse: Tensor
    """The inverse of R, (batch, size, size), with a diagonal of 1 for moves that tell nothing."""
    squares: Tensor
    """y_i y_j, (batch, size, size)."""
    learnt: Tensor
    """Whether a move tells something, (batch, size), bool."""
    order: Tensor
    """Where the moves lie among the vectors, (batch, size), int64, the same for all."""
    newest: Tensor
    """1 for the newest move, else 0, (batch, size, 1)."""

    @classmethod
    def empty(cls, point: Tensor, size: int) -> History:
        """Return what is known before the first move from points (batch, n)."""
        batch, n = point.shape
        unit = torch.eye(size, dtype=point.dtype, device=point.device).repeat(batch, 1, 1)
        return cls(
            vectors=point.new_zeros(batch, size, 2 * n),
            inverse=unit,
            squares=torch.zeros_like(unit),
            learnt=torch.zeros(batch, size, dtype=torch.bool, device=point.device),
            order=torch.arange(size, device=point.device).repeat(batch, 1),
            newest=unit[..., -1:].clone(),
        )

    def add(self, move: Tensor, change: Tensor, gradient: Tensor) -> tuple[History, Tensor]:
        """Write a move (batch, n) over the oldest, in place where nothing has a derivative.

        Returns
        -------
        tuple of History and Tensor
            The vectors that there are now, of which :meth:`learn` takes the rest; and the inner
            products of the change, and of the gradient (batch, n), with all of them,
            (batch, 2, size, 2).
        """
        ours = torch.stack([move, change, gradient], 1)
        pair = ours[:, :2].reshape(len(ours), 1, -1)
        after = replace(
            self,
            vectors=_put(self.vectors, self.order[0, :1], pair),
            order=self.order.roll(-1, 1),
        )
        inner = product(ours[:, 1:], after._rows().mT).unflatten(2, (-1, 2))
        return after, inner.index_select(2, after.order[0])

    def learn(self, inner: Tensor, learnt: Tensor, kept: Tensor) -> tuple[History, Tensor]:
        """Take in what the inner products tell of the newest move, where something is `learnt`.

        Items that are not `kept`, (batch, 1), forget the others.

        Returns
        -------
        tuple of History and Tensor
            What is known now, and the products of the gradient, 0 with moves that tell nothing,
            (batch, size, 2).
        """
        known = torch.cat([self.learnt[:, 1:] & kept, learnt], 1)
        told = inner * known[:, None, :, None]
        curve = inner[:, 0, -1:, 0].masked_fill(~learnt, 1).unsqueeze(2)
        # below the diagonal there are zeros
        older = torch.cat([self.inverse[:, 1:, 1:], self.inverse[:, -1:, :-1]], 1)
        column = less_product(self.newest, older, told[:, 0, :-1, :1]) / curve
        last = inner[:, 0, :, 1:]
        squares = torch.cat([self.squares[:, 1:, 1:], last[:, :-1].mT], 1)
        after = replace(
            self,
            inverse=torch.cat([older, column], 2),
            squares=torch.cat([squares, last], 2),
            learnt=known,
        )
        return after, told[:, 1]

    def weights(self, products: Tensor, gamma: Tensor) -> Tensor:
        """Return -a and -b, the weights (batch, size, 2) of vectors, given their products with g.

        `gamma` is (batch, 1).
        """
        gamma = gamma.unsqueeze(2)
        of_moves, of_changes = products.split(1, 2)
        u = product(self.inverse, of_moves)
        v = u / self.inverse.diagonal(dim1=1, dim2=2).unsqueeze(2)
        v = torch.addcmul(v, gamma, less_product(of_changes, self.squares, u), value=-1)
        a = product(self.inverse.mT, v) * self.learnt.unsqueeze(2)
        return torch.cat([-a, gamma * u], 2)

    def combined(self, weights: Tensor) -> Tensor:
        """Add the vectors up, with weights (batch, size, 2)."""
        placed = _put(torch.empty_like(weights), self.order[0], weights)
        return product(placed.flatten(1).unsqueeze(1), self._rows()).squeeze(1)

    def _rows(self) -> Tensor:
        """Return the vectors as they lie in memory, (batch, 2 size, n)."""
        return self.vectors.unflatten(2, (2, -1)).flatten(1, 2)


def _put(into: Tensor, place: Tensor, values: Tensor) -> Tensor:
    """Write along dimension 1, in place where nothing has a derivative."""
    if is_transformed() or is_differentiated(into) or is_differentiated(values):
        return into.index_copy(1, place, values)
    return into.index_copy_(1, place, values)
