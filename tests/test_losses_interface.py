"""Any loss of any transform: each function is called with what the formula says."""

from __future__ import annotations

from functools import partial

import torch

from tests.losses_cases import DOUBLE, waves
from torch_specinv import losses


def test_a_weighted_sum_of_losses_of_scaled_transforms():
    x, y = waves(2, 400)

    def square(s):
        return s**2

    first, second = losses.elementwise_loss, partial(losses.elementwise_loss, metric="L2")
    general = partial(losses.time_frequency_loss, x, y, torch.sin)
    a, b = torch.sin(x), torch.sin(y)
    assert general(first) == first(a, b)
    assert torch.allclose(general([first, second]), (first(a, b) + second(a, b)) / 2)
    assert torch.allclose(
        general([first, second], [square, torch.cos], [2.0, 0.5]),
        2 * first(a**2, b**2) + 0.5 * second(a.cos(), b.cos()),
    )
    assert torch.allclose(general([first, first], square), first(a**2, b**2))
    weights = torch.tensor([2.0, 0.5], dtype=DOUBLE, requires_grad=True)
    gradient = torch.autograd.grad(general([first, second], None, weights), weights)[0]
    assert torch.allclose(gradient, torch.stack([first(a, b), second(a, b)]))
