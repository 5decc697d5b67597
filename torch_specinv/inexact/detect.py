"""Find out which kind of magnitude each item of a problem holds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..phase import Start
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
    near_db: float
    """What the first iterations come nearer to than this is as good as exact, or blurred."""
    gain_db: float
    """By how much they come nearer to an exact target at least, with 75 % overlap or less."""
    smooth: float
    """Below this relative roughness, the geometric mean of both directions, it may be blurred."""
    coarse: float
    """Below this one it is coarse, if no blur explains it; noise that is exact is above."""
    uneven: float
    """Still smoother along one direction is a sound by itself: the flat spectra of clicks."""
    blurred: float
    """The misfit of the best blur, relative to that of none, below which it explains the target."""
    natural: float
    """Above this, a smooth target that iterations come nearer to is that of a smooth sound."""
    mean: tuple[float, float]
    """Rows and frames of the means for a noisy or coarse target."""
    blurs: tuple[tuple[float, float], ...]
    """Rows and frames of the blurs that are tried."""


#: For magnitudes of bins. Lengths are in bins and frames of a Hann window at 75 % overlap.
BINS = Limits(
    start="pghi",
    exact_db=-22.0,
    near_db=-20.0,
    gain_db=2.0,
    smooth=0.9,
    coarse=0.82,
    uneven=0.3,
    blurred=0.78,
    natural=1.25,
    mean=(1.0, 0.7),
    blurs=((0.5, 0.35), (0.7, 0.5), (1.0, 0.7), (1.4, 1.0)),
)
#: For bands; rows are bands. They are too few to tell a blur from a smooth sound.
BANDS = replace(BINS, start="locked", gain_db=6.0, coarse=0.8, mean=(0.7, 0.7), blurs=())
# How many iterations are looked at: of Griffin-Lim, and for each blur
_PROBE = 4


def limits_of(problem: SpectrogramProblem) -> Limits:
    """Return the limits for bins or for bands."""
    return BINS if _rows_are_bins(problem) else BANDS


def _rows_are_bins(problem: SpectrogramProblem) -> bool:
    return problem.like.shape[-2] == problem.given.bins


@torch.no_grad()
def detect(
    problem: SpectrogramProblem,
    start: Start,
    error: Tensor,
    engine: MakeSolver,
    rule: PointwiseAlgorithm,
) -> tuple[Tensor, Tensor]:
    """Find out what each item is, by what a few iterations of Griffin-Lim come to.

    Iterations come nearer to an exact target by several dB, and are soon stuck with one that no
    waveform has. Whether that is rougher or smoother than what they come to tells the kind.

    Parameters
    ----------
    problem : SpectrogramProblem
        Its constraint knows how to spread factors.
    start : Start
        Where the iterations begin.
    error : Tensor
        The error of the start, (batch,).
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
    limits, widths = limits_of(problem), mean_widths(problem)
    observed, after = _probe(problem, start, engine, rule)
    far = ~(after < power_ratio(limits.near_db) * problem.energy)
    # where frames overlap more, an iteration does less
    gain = limits.gain_db / max(1.0, window_units(problem.stft.geometry)[1])
    stuck = after > power_ratio(-gain) * error
    rows, frames = relative_roughness(problem.target, observed, problem.constraint.degree)
    known = (rows > 0) & (frames > 0)
    roughness = (rows * frames).sqrt()
    smooth = (roughness < limits.smooth) | (stuck & (roughness < 1))
    smooth &= known & (torch.minimum(rows, frames) > limits.uneven)
    coarse = smooth & far & (stuck | (roughness < limits.coarse))
    kind = (known & far & stuck & (roughness >= 1)) * KINDS.index(Kind.NOISY)
    items = smooth.nonzero().view(-1)
    if len(items) and limits.blurs:
        misfit, blurs = best_blur(problem.select(items), start.spectrum[items])
        coarse[items] &= stuck[items] | (misfit < limits.natural)
        explained = items[misfit < limits.blurred]
        widths[explained] = blurs[misfit < limits.blurred]
        coarse[explained] = False
        kind[explained] = KINDS.index(Kind.BLURRED)
    return torch.where(coarse, KINDS.index(Kind.COARSE), kind), widths


def power_ratio(decibels: float) -> float:
    """Return the ratio of powers, or of squared errors, that decibels stand for."""
    return 10 ** (decibels / 10)


def _probe(
    problem: SpectrogramProblem, start: Start, engine: MakeSolver, rule: PointwiseAlgorithm
) -> tuple[Tensor, Tensor]:
    """Return what would be observed after a few iterations of `rule`, and its error.

    The shapes are (batch, rows, frames) and (batch,).
    """
    solver = engine(problem, rule, _PROBE)
    state = solver.advance(start.state(solver), _PROBE)
    found = solver.observe(state)
    if found is not None:
        return found
    wave, error = solver.evaluate(state)
    del solver, state  # what follows needs the memory
    observed = problem.observe_by_frames(wave)
    return observed, problem.error(wave, observed) if error is None else error


def mean_widths(problem: SpectrogramProblem) -> Tensor:
    """Return rows and frames of the means for each noisy or coarse item, (batch, 2)."""
    return _lengths(problem, (limits_of(problem).mean,)).repeat(len(problem.scale), 1)


def best_blur(problem: SpectrogramProblem, spectrum: Tensor) -> tuple[Tensor, Tensor]:
    """Return the misfit of the best blur, relative to that of none, (batch,), and its widths."""
    blurs = _lengths(problem, limits_of(problem).blurs)
    misfits = _misfits(problem, spectrum, blurs)
    least, which = misfits[1:].min(0)
    return least / misfits[0].clamp_min(torch.finfo(least.dtype).tiny), blurs[which]


def _lengths(problem: SpectrogramProblem, pairs: tuple[tuple[float, float], ...]) -> Tensor:
    """Return pairs of rows and frames, in units of the window, for this window: (pairs, 2)."""
    bins, frames = window_units(problem.stft.geometry)
    rows = bins if _rows_are_bins(problem) else 1.0
    like = problem.like
    table = torch.tensor(pairs, dtype=like.dtype, device=like.device)
    return table * torch.tensor((rows, frames), dtype=like.dtype, device=like.device)


def _misfits(problem: SpectrogramProblem, spectrum: Tensor, blurs: Tensor) -> Tensor:
    """Return how well no blur, and each of `blurs`, explains the target: (blurs + 1, batch)."""
    solver, mask = RatioSolver(problem, _PROBE), audible(problem.target, problem.constraint.degree)
    every = torch.ones(len(spectrum), dtype=torch.bool, device=spectrum.device)
    misfits: list[Tensor] = []
    for rows, frames in ((0.0, 0.0), *blurs.tolist()):
        treatment = Treatment(
            problem.target.new_full((len(every),), rows),
            problem.target.new_full((len(every),), frames),
            every,
        )
        state = solver.start_with(spectrum, treatment)
        misfits.append(solver.misfit(solver.advance(state, _PROBE), mask))
    return torch.stack(misfits)
