"""What several test files ask about: kinds of rules, geometries, problems, chunks, tables."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch

from tests.conftest import hann
from torch_specinv import PointwiseAlgorithm
from torch_specinv.algorithms import AGLA, AMDR, GriffinLim
from torch_specinv.engines import ChunkedEngine
from torch_specinv.solve import ALGORITHMS
from torch_specinv.solve.problem import SpectrogramProblem
from torch_specinv.transform.stft import STFT

#: The registered algorithms that engines carry out.
POINTWISE = sorted(
    name for name, kind in ALGORITHMS.items() if issubclass(kind, PointwiseAlgorithm)
)


@dataclass(frozen=True)
class Delayed(PointwiseAlgorithm):
    """A user's rule, Griffin-Lim from the spectra before last: its memory is handed on."""

    def begin(self, spectrum, constraint):
        return spectrum, spectrum

    def rule(self, spectrum, memory, constraint, step):
        last, before = memory
        return constraint.project(0.5 * before + 0.5 * spectrum), (spectrum, last)

    def answer(self, memory, constraint):
        return constraint.project(memory[0])


#: An algorithm of each kind that there is for an engine: momentum on waves; relaxed projections
#: with spectra as memory and alternating frames; two memories of waves, mixed by a rule of its
#: own; memories that change places, and an answer that is not the last wave. What an engine does
#: with transforms and frames depends on these alone, so that is what geometries are tried with.
KINDS = {
    "momentum": GriffinLim(),
    "relaxed, in turns": AMDR(),
    "a rule of its own": AGLA(),
    "a user's": Delayed(),
}

GEOMETRIES = {
    "usual": {},
    "odd": {"n_fft": 127, "hop_length": 30, "window": hann(127)},
    "short window": {"win_length": 90, "hop_length": 25, "window": hann(90)},
    "window at the start": {
        "win_length": 90,
        "hop_length": 25,
        "window": hann(90),
        "window_align": "start",
    },
    "window at the start, not centred": {
        "win_length": 91,
        "hop_length": 25,
        "window": 0.5 + hann(91),
        "window_align": "start",
        "center": False,
    },
    "hop does not divide": {"hop_length": 50, "win_length": 100, "window": hann(100)},
    "hop of the window": {"hop_length": 128, "window": 0.1 + hann(128)},
    "not centred": {"center": False},
    "not centred, ends in sight": {"center": False, "window": 0.5 + hann(128)},
    "two-sided, normalized": {"onesided": False, "normalized": True},
    "constant": {"pad_mode": "constant"},
    "constant, half overlapping": {"pad_mode": "constant", "hop_length": 64},
    "replicate": {"pad_mode": "replicate", "hop_length": 17},
    "circular": {"pad_mode": "circular"},
    "circular, half overlapping": {"pad_mode": "circular", "hop_length": 64},
    "circular, tiny": {
        "n_fft": 7,
        "hop_length": 5,
        "win_length": 5,
        "pad_mode": "circular",
        "window": 0.5 + hann(5),
    },
    "many frames over each": {"hop_length": 2, "window": hann(128)},
}


def problem_of(samples, keywords, items=3, dtype=torch.float64, noise=0.3):
    """A magnitude that is nearly that of a wave, and phases that are nearly right.

    From there no bin is so near to 0 that rounding decides about its phase.
    """
    generator = torch.Generator().manual_seed(samples)
    wave = torch.randn(items, samples, generator=generator, dtype=torch.float64)
    keywords = {"n_fft": 128, "window": hann(128), **keywords}
    stft = STFT.of_wave(wave, **keywords)
    spectrum = stft.analyse(wave)
    factor = 1 + noise * torch.rand(spectrum.shape, generator=generator, dtype=torch.float64)
    phase = spectrum.angle() + noise * torch.randn(
        spectrum.shape, generator=generator, dtype=torch.float64
    )
    target = spectrum.abs() * factor
    problem = SpectrogramProblem.from_magnitude(target.to(dtype), of_type(stft, dtype))
    return problem, torch.polar(problem.target.double(), phase).to(dtype.to_complex())


def of_type(stft, dtype):
    """The same transform of waves of another dtype."""
    g = stft.geometry
    return STFT(dataclasses.replace(g, window=g.window.to(dtype)))


def after(engine, start, steps):
    """The wave after so many iterations."""
    return engine.wave(engine.advance(engine.start(start), steps))


def with_threads(count, function):
    """Call it with so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        return function()
    finally:
        torch.set_num_threads(before)


class SmallChunks(ChunkedEngine):
    """Sixteen frames a chunk, no more than a frame's samples mixed at a time, chunks for all."""

    def __init__(self, problem, algorithm, steps, **sizes):
        sizes = {"chunk_bytes": 1, "mixed_samples": 1, "least_chunks": 1, **sizes}
        super().__init__(problem, algorithm, steps, **sizes)


def hills(count, frames=60, bins=40, seed=0):
    """A smooth field with a few hills: few basins, so that three rounds join them all."""
    rng = np.random.default_rng(seed)
    t, f = np.mgrid[:frames, :bins]
    field = sum(
        rng.uniform(0.3, 1) * np.exp(-((t - rng.uniform(0, frames)) ** 2) / 90
                                     - ((f - rng.uniform(0, bins)) ** 2) / 60)
        for _ in range(count)
    )  # fmt: skip
    return torch.from_numpy(field / field.max()).float()


def cells(text, *first):
    """Return the row of a table that begins with `first`, by column."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    row = next(line for line in lines if line[: len(first)] == list(first))
    return dict(zip(lines[0], row, strict=True))
