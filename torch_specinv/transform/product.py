"""Products of matrices that automatic mixed precision leaves alone."""

from __future__ import annotations

import torch
from torch import Tensor


def product(a: Tensor, b: Tensor) -> Tensor:
    """Return ``a @ b`` in the precision of a and b, also under :func:`torch.autocast`.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.transform.product import product
    >>> a = torch.tensor([[1 + 2**-20]])
    >>> with torch.autocast("cpu", dtype=torch.bfloat16):
    ...     bool(product(a, a.new_ones(1, 1)) == a)
    True
    """
    if not torch.is_autocast_enabled(a.device.type):
        return a @ b
    with torch.autocast(a.device.type, enabled=False):
        return a @ b


def less_product(c: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Return ``c - a @ b`` of batches of matrices, in their precision like :func:`product`.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.transform.product import less_product
    >>> one = torch.ones(1, 1, 1)
    >>> less_product(5 * one, 2 * one, one)
    tensor([[[3.]]])
    """
    with torch.autocast(a.device.type, enabled=False):
        return torch.baddbmm(c, a, b, alpha=-1)
