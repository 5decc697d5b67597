"""Transforms and losses of a user's: what they return is checked, at every call."""

from __future__ import annotations

import math

import pytest
import torch

from tests.plugin_cases import WRONG
from torch_specinv import (
    L_BFGS,
    SpecInvError,
    invert_transform,
)


def transform_that(change, after):
    """Return |Mx| for a matrix M, changed after some calls."""
    matrix, calls = torch.randn(12, 20, generator=torch.manual_seed(1)), []

    def transform(x):
        calls.append(1)
        out = (x @ matrix.T).abs()
        return change(out) if len(calls) > after else out

    return transform


@pytest.mark.parametrize("after", [0, 9])
@pytest.mark.parametrize("fault", ["None", "number", "another dimension", "0-d", "transposed"])
def test_transforms(fault, after):
    """Also one that changes its mind in the middle."""
    wrong, _ = WRONG[fault]
    change = transform_that(lambda out: wrong(out.detach() if fault == "numpy" else out), after)
    with pytest.raises(SpecInvError, match="transform_fn"):
        invert_transform(torch.rand(3, 12), change, (3, 20), verbose=False, outer_max_iter=20)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda x, y: None, "loss_fn returns a NoneType"),
        (lambda x, y: 1.0, "loss_fn returns a float"),
        (lambda x, y: x - y, r"loss_fn returned shape \(12,\): expected \(\), a scalar"),
        (lambda x, y: (x - y).sum().to(torch.complex64), "complex64: expected real"),
        (lambda x, y: (x - y).square().sum() * math.nan, "not finite at the start"),
        (lambda x, y: (x - y).square().sum().detach(), "no gradient"),
    ],
)
def test_losses(loss, message):
    with pytest.raises(SpecInvError, match=message):
        L_BFGS(torch.rand(12), transform_that(None, 10**9), 20, loss_fn=loss, verbose=False)


def test_transforms_and_losses_that_write_into_what_they_get():
    matrix = torch.randn(12, 20, generator=torch.manual_seed(1))

    def transform(x):
        out = x @ matrix.T
        x.data.zero_()
        return out

    def loss(x, y):
        error = (x - y).square().sum()
        y.zero_()
        return error

    run = {"verbose": False, "outer_max_iter": 30, "init_x0": torch.ones(20)}
    target = torch.rand(12, generator=torch.manual_seed(2))
    before = target.clone()
    found = L_BFGS(target, transform, loss_fn=loss, **run)
    assert torch.equal(target, before)
    assert torch.allclose(matrix @ found, target, atol=1e-2)
