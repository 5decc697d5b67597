"""What the tests of users' functions share: a run, and what is wrong with a tensor."""

from __future__ import annotations

import math

import torch

from tests.conftest import hann

RUN = {"window": hann(64, torch.float32), "max_iter": 4, "eva_iter": 2, "verbose": False}
ENGINES = ["torch", "chunked", "auto"]


def spec_of(items=2, dtype=torch.float32):
    return torch.rand(items, 33, 20, generator=torch.manual_seed(0)).to(dtype)


def in_numpy(x):
    """Write where torch does not count."""
    x.detach().numpy()[...] = 0
    return x


#: What is wrong with a tensor of the right shape, and what the message says of it.
WRONG = {
    "None": (lambda x: None, "NoneType: expected a torch.Tensor"),
    "number": (lambda x: 0.0, "float: expected a torch.Tensor"),
    "numpy": (lambda x: x.numpy(), "ndarray: expected a torch.Tensor. Pass it through"),
    "another dimension": (lambda x: torch.stack([x, x]), r"shape \(2, 2, 33, 20\)"),
    "one item": (lambda x: x[:1], r"shape \(1, 33, 20\): expected \(2, 33, 20\)"),
    "no batch": (lambda x: x[0], r"shape \(33, 20\): expected \(2, 33, 20\)"),
    "transposed": (lambda x: x.mT, r"shape \(2, 20, 33\)"),
    "0-d": (lambda x: x.sum(), r"shape \(\)"),
    "whole numbers": (lambda x: torch.zeros(x.shape, dtype=torch.int64), "int64: expected"),
    "meta": (lambda x: x.to("meta"), "on meta: expected cpu"),
    "sparse": (lambda x: x.to_sparse(), "not dense"),
}
REAL = {
    **WRONG,
    "complex": (lambda x: torch.complex(x, x), "complex64: expected real floating numbers"),
    "NaN": (lambda x: x * math.nan, "NaN or infinite"),
    "infinity": (lambda x: x / 0, "NaN or infinite"),
}
COMPLEX = {**WRONG, "real": (lambda x: x.abs(), "float32: expected complex numbers")}
