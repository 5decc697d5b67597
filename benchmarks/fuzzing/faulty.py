"""Functions and classes of a user's that are wrong in a random way, at a random time."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from torch_specinv import invert
from torch_specinv.constraints import Magnitude
from torch_specinv.solve import Momentum, PointwiseAlgorithm, Relaxation

WINDOW = torch.hann_window(32)


class OwnError(Exception):
    """What a user's function raises."""


def wrong(x: Any, draw: random.Random) -> Any:
    """Return something else than `x`, which is what should be returned, or write into it."""
    if not isinstance(x, torch.Tensor):
        return draw.choice(
            [None, 3, "x", (), [x], (x, x), {}, object(), torch.zeros(2), np.ones(3)]
        )
    real = x.abs() if x.is_complex() else x
    return draw.choice(
        [
            lambda: None,
            lambda: 0.5,
            lambda: "x",
            lambda: (x, x),
            lambda: x.detach().numpy(),
            lambda: x[None],
            lambda: torch.stack([x, x]),
            lambda: x[:1],
            lambda: x[..., :-1],
            lambda: x[..., 0],
            lambda: x.mT if x.ndim > 1 else x[:0],
            lambda: x.sum(),
            lambda: x.flatten(),
            lambda: torch.cat([x, x]),
            lambda: torch.cat([x, x], -1),
            lambda: x.double(),
            lambda: x.half() if not x.is_complex() else x.to(torch.complex128),
            lambda: x.to(torch.bfloat16) if not x.is_complex() else x.conj(),
            lambda: real.long(),
            lambda: real > 0,
            lambda: torch.complex(real, real),
            lambda: real,
            lambda: x * float("nan"),
            lambda: x * float("inf"),
            lambda: torch.where(torch.rand_like(real) < 0.01, float("nan"), x),
            lambda: x * 1e30,
            lambda: x * 0,
            lambda: -x,
            lambda: x.to("meta"),
            lambda: x.detach().to_sparse(),
            lambda: x.detach().requires_grad_(),
            lambda: x.expand(3, *x.shape),
            lambda: x.mul_(0),
            lambda: x.zero_(),
            lambda: x.data.fill_(7),
            lambda: torch.as_strided(x, x.shape, [0] * x.ndim),
            lambda: torch.empty(0),
        ]
    )()


@dataclass
class Fault:
    """What goes wrong at one call of a user's function."""

    draw: random.Random
    when: int
    calls: int = 0

    def __call__(self, value: Any, *arguments: Any) -> Any:
        """Return a value, or something else where it is time, and change arguments."""
        self.calls += 1
        if self.calls < self.when:
            return value
        kind = self.draw.random()
        if kind < 0.08:
            raise OwnError
        if kind < 0.12:
            raise self.draw.choice([ValueError, RuntimeError, KeyError, ZeroDivisionError])("mine")
        tensors = [x for x in arguments if isinstance(x, torch.Tensor)]
        if kind < 0.22 and tensors:
            self.draw.choice(tensors).detach().mul_(0)
            return value
        if kind < 0.28 and tensors and not tensors[0].requires_grad:
            tensors[0].numpy()[...] = 0  # torch does not see it
            return value
        if kind < 0.32:
            invert(torch.rand(17, 9), "griffin_lim", window=WINDOW, max_iter=2, verbose=False)
            return value
        return wrong(value, self.draw)


def own_rule(fault: Fault, method: str) -> PointwiseAlgorithm:
    """Return an algorithm of which one method is at fault."""

    def at(name: str, value: Any, *arguments: Any) -> Any:
        return fault(value, *arguments) if name == method else value

    @dataclass(frozen=True)
    class Mine(PointwiseAlgorithm):
        def begin(self, spectrum, constraint):
            return at("begin", (spectrum.clone(),), spectrum, constraint.target)

        def rule(self, spectrum, memory, constraint, step):
            estimate = at("estimate", constraint.project(spectrum), spectrum, *memory)
            return at("rule", (estimate, (spectrum,)), constraint.target)

        def remember(self, wave):
            return at("remember", (wave.clone(),), wave)

        def mix(self, wave, past, step):
            return at("mix", (at("mixed", wave, *past), (wave,)))

        def answer(self, memory, constraint):
            return at("answer", None, *memory)

        def coefficients(self, step):
            numbers = fault.draw.choice([None, Momentum(0.3), Relaxation(1.0)])
            return at("coefficients", numbers) if method == "coefficients" else None

        def interlaced_groups(self):
            return at("interlaced_groups", 2)

    return Mine()


def own_constraint(fault: Fault, method: str) -> Any:
    """Return a constraint of which one method is at fault."""
    parent = getattr(Magnitude, method)
    if isinstance(parent, property):
        own: Any = property(lambda self: fault(parent.fget(self), self.target))
    elif callable(parent):

        def own(self, *arguments):
            return fault(parent(self, *arguments), self.target, *arguments)
    else:
        own = wrong(parent, fault.draw)
    kind = type("Known", (Magnitude,), {"__annotations__": {"target": torch.Tensor}, method: own})
    return dataclass(frozen=True, eq=False)(kind)


RULES = [
    "begin",
    "estimate",
    "rule",
    "remember",
    "mix",
    "mixed",
    "answer",
    "coefficients",
    "interlaced_groups",
]

CONSTRAINTS = [
    "project",
    "observe",
    "magnitude",
    "start",
    "spread",
    "error",
    "energy",
    "bins",
    "degree",
    "scaled",
    "select",
    "of_frames",
    "map_tensors",
    "is_nearest_point",
    "tensors",
]
