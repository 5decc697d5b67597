"""A problem with both of its projections, from which textbook recursions are written down."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from tests.conftest import hann, magnitude
from torch_specinv import STFT, invert
from torch_specinv.algorithms import RelaxedProjections, reflections

ITERATIONS = 6


class Setting:
    """A magnitude, a start, and both projections."""

    def __init__(self, wave):
        self.window = hann(64)
        self.spec = magnitude(wave[:900], 64)
        self.stft = STFT.of(self.spec, window=self.window)
        generator = torch.Generator().manual_seed(1)
        phase = 6 * torch.rand(self.spec.shape, generator=generator, dtype=torch.float64)
        phase[[0, -1]] = torch.pi * (phase[[0, -1]].cos() < 0).double()  # these bins are real
        self.start = torch.polar(self.spec, phase)

    def p_s(self, c):
        return torch.polar(self.spec, c.angle())

    def p_c(self, c):
        return self.stft.analyse(self.stft.synthesise(c))

    def ours(self, algorithm, iterations=ITERATIONS):
        # the last iterate alone is evaluated, so that it is the one that is returned
        return invert(
            self.spec, algorithm, init=self.start.angle(), max_iter=iterations, tol=0,
            eva_iter=iterations, window=self.window, verbose=False,
        ).wave  # fmt: skip


@dataclass(frozen=True)
class Constant(RelaxedProjections):
    """The same numbers in every iteration but the first, before which there is no momentum."""

    values: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)

    def coefficients(self, step):
        q, r, a, alpha = self.values
        return reflections(q, r, a, alpha if step.number else 0.0)
