"""Native iterations with gradients, and what they are compared by."""

from __future__ import annotations

from dataclasses import replace

import torch

from tests.native_cases import native_engine
from torch_specinv.constraints import Magnitude
from torch_specinv.engines.native_training import NativeTraining


def training(problem, algorithm, steps, width=None, threads=1):
    return native_engine(problem, algorithm, steps, width, threads, kind=NativeTraining)


def wave_and_gradients(make, problem, start, algorithm, ends=(5,), **keywords):
    """The last wave, and the gradient of a sum over the waves after each of some iterations."""
    target = problem.target.clone().requires_grad_()
    start = start.clone().requires_grad_()
    known = replace(problem, known=Magnitude(target))
    engine = make(known, algorithm, ends[-1], **keywords)
    state, total = engine.start(start), 0.0
    for until in ends:
        state = engine.advance(state, until)
        wave = engine.wave(state)
        weights = torch.randn(wave.shape[-1], generator=torch.Generator().manual_seed(until))
        total = total + (wave * weights.to(wave)).sum()
    return wave.detach(), *torch.autograd.grad(total, (target, start))
