"""Find out which kind of magnitude each item of a problem holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..constraints.magnitude import Magnitude
from ..solve.algorithm import MakeSolver, PointwiseAlgorithm
from ..solve.problem import SpectrogramProblem
from .kinds import KINDS, Kind, window_units
from .ratio_solver import RatioSolver, Treatment
from .texture import audible, relative_roughness


@dataclass(frozen=True)
class Limits:
    """Where one kind ends and the other begins, and the widths that each is treated with."""

    start: str
    """The phase to start from."""
    exact_db: float
    """A start whose spectral convergence is below this is exact without looking further."""
    noisy: float
    """How much rougher than that of a waveform a noisy spectrogram is, along both directions."""
    smooth: float
    """How much smoother, by the geometric mean of both directions, a blurred or coarse one is."""
    uneven: float
    """Still smoother along one direction is a sound by itself: the flat spectra of clicks."""
    blurred: float
    """The misfit of the best blur, relative to that of none, below which it explains the target."""
    coarse: float
    """And above which the target is no mean at all, but a sound that is smooth by itself."""
    mean: tuple[float, float]
    """Rows and frames of the means for a noisy or coarse target."""
    blurs: tuple[tuple[float, float], ...]
    """Rows and frames of the blurs that are tried."""


#: For magnitudes of bins. Lengths are in bins and frames of a Hann window at 75 % overlap.
BINS = Limits(
    start="pghi",
    exact_db=-22.0,
    noisy=1.07,
    smooth=0.9,
    uneven=0.3,
    blurred=0.7,
    coarse=1.5,
    mean=(1.0, 0.7),
    blurs=((0.7, 0.5), (1.0, 0.7), (1.4, 1.0)),
)
#: For bands; rows are bands. They are too few to tell a blur from a smooth sound.
BANDS = replace(BINS, start="locked", noisy=1.1, smooth=0.8, mean=(0.7, 0.7), blurs=())
# With less overlap than this, in frames, neighbours have little in common, and roughness is less
# certain by this margin.
_LITTLE_OVERLAP, _MARGIN = 0.9, 0.11
# How many iterations are looked at: of Griffin-Lim, and for each blur
_PROBE = 4


def limits_of(problem: SpectrogramProblem) -> Limits:
    """Return the limits for bins or for bands."""
    return BINS if isinstance(problem.constraint, Magnitude) else BANDS


@torch.no_grad()
def detect(
    problem: SpectrogramProblem, spectrum: Tensor, engine: MakeSolver, rule: PointwiseAlgorithm
) -> tuple[Tensor, Tensor]:
    """Find out what each item is.

    Parameters
    ----------
    problem : SpectrogramProblem
        Its constraint knows how to spread factors.
    spectrum : Tensor
        The starting spectrum (batch, bins, frames).
    engine : callable
        Makes the solver of `rule`.
    rule : PointwiseAlgorithm
        Griffin-Lim.

    Returns
    -------
    tuple of Tensor
        The number in ``KINDS`` of each item's kind, (batch,), and the rows and frames of the means
        that suit it, (batch, 2).
    """
    limits = limits_of(problem)
    rows, frames = relative_roughness(problem.target, _probe(problem, spectrum, engine, rule))
    noisy = torch.minimum(rows, frames) > _noisy_limit(problem, limits)
    smooth = (rows * frames).sqrt() < limits.smooth
    smooth &= torch.minimum(rows, frames) > limits.uneven
    kind = noisy * KINDS.index(Kind.NOISY) + smooth * KINDS.index(Kind.COARSE)
    widths, items = mean_widths(problem), smooth.nonzero().view(-1)
    if len(items) and limits.blurs:
        misfit, blurs = best_blur(problem.select(items), spectrum[items])
        kind[items[misfit > limits.coarse]] = KINDS.index(Kind.EXACT)
        explained = misfit < limits.blurred
        kind[items[explained]] = KINDS.index(Kind.BLURRED)
        widths[items[explained]] = blurs[explained]
    return kind, widths


def _probe(
    problem: SpectrogramProblem, spectrum: Tensor, engine: MakeSolver, rule: PointwiseAlgorithm
) -> Tensor:
    """Return what would be observed, (batch, rows, frames), after a few iterations of `rule`."""
    solver = engine(problem, rule, _PROBE)
    state: Any = solver.advance(solver.start(spectrum), _PROBE)
    return problem.observe(solver.wave(state))


def mean_widths(problem: SpectrogramProblem) -> Tensor:
    """Return rows and frames of the means for each noisy or coarse item, (batch, 2)."""
    return _lengths(problem, (limits_of(problem).mean,)).repeat(len(problem.target), 1)


def best_blur(problem: SpectrogramProblem, spectrum: Tensor) -> tuple[Tensor, Tensor]:
    """Return the misfit of the best blur, relative to that of none, (batch,), and its widths."""
    blurs = _lengths(problem, limits_of(problem).blurs)
    misfits = _misfits(problem, spectrum, blurs)
    least, which = misfits[1:].min(0)
    return least / misfits[0].clamp_min(torch.finfo(least.dtype).tiny), blurs[which]


def _lengths(problem: SpectrogramProblem, pairs: tuple[tuple[float, float], ...]) -> Tensor:
    """Return pairs of rows and frames, in units of the window, for this window: (pairs, 2)."""
    bins, frames = window_units(problem.stft.geometry)
    rows = bins if isinstance(problem.constraint, Magnitude) else 1.0
    target = problem.target
    table = torch.tensor(pairs, dtype=target.dtype, device=target.device)
    return table * table.new_tensor((rows, frames))


def _misfits(problem: SpectrogramProblem, spectrum: Tensor, blurs: Tensor) -> Tensor:
    """Return how well no blur, and each of `blurs`, explains the target: (blurs + 1, batch)."""
    solver, mask = RatioSolver(problem, _PROBE), audible(problem.target)
    every = torch.ones(len(spectrum), dtype=torch.bool, device=spectrum.device)
    misfits: list[Tensor] = []
    for rows, frames in ((0.0, 0.0), *blurs.tolist()):
        treatment = Treatment(
            mask.new_full((len(every),), rows, dtype=problem.target.dtype),
            mask.new_full((len(every),), frames, dtype=problem.target.dtype),
            every,
        )
        state = solver.start_with(spectrum, treatment)
        misfits.append(solver.misfit(solver.advance(state, _PROBE), mask))
    return torch.stack(misfits)


def _noisy_limit(problem: SpectrogramProblem, limits: Limits) -> float:
    """Return the limit for noisy items, with a margin where frames overlap little."""
    frames = window_units(problem.stft.geometry)[1]
    return limits.noisy + (_MARGIN if frames < _LITTLE_OVERLAP else 0.0)
