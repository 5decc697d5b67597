"""What is done to each piece of a long recording."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor

from ..checks import check_finite, check_spectrogram
from ..constraints import MelBands
from ..errors import SpecInvError
from ..inversion.request import Request
from ..phase import PHASES, guess_phase, starting_spectrum
from ..phase.random import draw_seed, random_phase
from ..solve.algorithm import PointwiseAlgorithm
from ..transform.rounded_alike import magnitude_of
from ..transform.sizes import ceil_div
from ..transform.stft import STFT
from .pieces import Piece, cut, halo_of, samples_of
from .source import Source

# Bins of all channels in a piece without its halo, if nobody says otherwise
_BINS = 3 * 2**18


class PieceSolver:
    """What is done to each piece.

    Parameters
    ----------
    source : Source
        The recording.
    request : Request
        What is asked for, with a frame of the recording as its spectrogram.
    init : str, optional
        The starting phase.
    seed : int
        Of random phases.
    """

    def __init__(self, source: Source, request: Request, init: str | None, seed: int) -> None:
        algorithm = request.algorithm
        if not isinstance(algorithm, PointwiseAlgorithm):
            raise SpecInvError(
                f"{type(algorithm).__name__} looks at the whole recording at once, so it can't be "
                "cut into pieces: use amdr, griffin_lim, raar or admm."
            )
        self.source, self._request, self._algorithm = source, request, algorithm
        self._init, self._default = init, algorithm.default_start
        self._seed = draw_seed(torch.Generator().manual_seed(seed))
        self._guessed: dict[int, Tensor] = {}
        self._pieces: list[Piece] = []
        g = source.geometry
        if g.center and g.pad_mode == "circular":
            raise SpecInvError(
                "pad_mode='circular' joins the ends of the recording, which are in different "
                "pieces: use invert, or another mode."
            )
        # does the window lose samples?
        few = min(g.frames, 8 * ceil_div(g.n_fft, g.hop_length))
        begin, end = samples_of(g, 0, few)
        STFT(dataclasses.replace(g, frames=few, length=end - begin))

    def pieces(self, size: int | None) -> list[Piece]:
        """Cut the recording; `size` is in frames."""
        g, groups = self.source.geometry, self._algorithm.interlaced_groups()
        halo = halo_of(g, self._request.settings.max_iter * groups)
        if size is None:
            size = max(_BINS // (g.bins * self.source.channels), 4 * halo)
        self._pieces = cut(g.frames, max(size, groups), halo, groups)
        return self._pieces

    @torch.no_grad()
    def solve(self, piece: Piece) -> tuple[Tensor, Tensor, Tensor]:
        """Return the samples (channels, n) of a piece, its squared error and its energy."""
        g = self.source.geometry
        begin, end = samples_of(g, piece.low, piece.high)
        request = self._request.of(self._read(piece.low, piece.high), length=end - begin)
        problem = request.problem()
        solver = request.solver(problem)
        magnitude = problem.constraint.magnitude() if self.source.mel else request.spec
        stft, phase = problem.stft, self._phase(piece, magnitude, problem.stft)
        start = starting_spectrum(problem.constraint, stft, phase, None)
        del request, phase, magnitude
        state = solver.start(start)
        del start
        wave = solver.wave(solver.advance(state, solver.steps))
        # only now are the frames of the piece seen through samples that are all as they should be
        frames = slice(piece.begin - piece.low, piece.end - piece.low)
        target = problem.target[..., frames]
        seen = problem.constraint.observe(stft.analyse(wave, frames))
        error, energy = ((x.double().square()).sum((1, 2)) for x in (seen - target, target))
        level = problem.scale[:, 0, 0].double().square()
        first = (piece.begin - piece.low) * g.hop_length
        last = (piece.end - piece.low) * g.hop_length if piece.end < g.frames else None
        samples = wave[:, first:last] * problem.scale[:, 0]
        if not bool(torch.isfinite(samples).all()):
            raise SpecInvError(
                f"the iteration diverges in the frames {piece.begin} to {piece.end}: "
                f"use another setting of {type(self._algorithm).__name__}."
            )
        return samples, error * level, energy * level

    def _read(self, low: int, high: int) -> Tensor:
        """Return frames, checked."""
        spec = self.source.read(low, high).to(
            self.source.dtype.to_complex() if self.source.is_complex else self.source.dtype
        )
        try:
            (check_finite if self.source.mel else check_spectrogram)(spec, "spec")
        except SpecInvError as error:
            raise SpecInvError(f"{self.source.path}, frames {low} to {high}: {error}") from error
        return spec

    def _phase(self, piece: Piece, spec: Tensor, stft: STFT) -> Tensor:
        """Return the starting phase of a piece with its halo, or a spectrum that has it."""
        if self._init is None and spec.is_complex():
            return spec
        init = self._init or self._default
        if init == "random":
            numbers = torch.arange(piece.low, piece.high)

            def of_place(magnitude: Tensor, *_: Any) -> Tensor:
                return random_phase(self._seed, magnitude.shape[-2], numbers).expand_as(magnitude)

            return guess_phase(of_place, spec, stft)
        touched = [
            number
            for number, other in enumerate(self._pieces)
            if other.begin < piece.high and other.end > piece.low
        ]
        self._guessed = {
            number: self._guessed[number] if number in self._guessed else self._guess(number, init)
            for number in touched
        }
        whole = torch.cat([self._guessed[number] for number in touched], -1)
        begin = piece.low - self._pieces[touched[0]].begin
        return whole[..., begin : begin + piece.high - piece.low]

    def _guess(self, number: int, init: str) -> Tensor:
        """Guess the phase of a piece without its halo, as if there were nothing else."""
        g, piece = self.source.geometry, self._pieces[number]
        spec = self._read(piece.begin, piece.end)
        if self.source.mel:
            spec = MelBands(self.source.mel, g.n_fft, g.window)(spec).magnitude()
        magnitude = magnitude_of(spec) if spec.is_complex() else spec
        if len(self._pieces) > 1:
            # an end that is none must not be taken for one
            g = dataclasses.replace(
                g,
                center=False,
                frames=piece.end - piece.begin,
                length=(piece.end - piece.begin - 1) * g.hop_length + g.span,
            )
        return guess_phase(PHASES.named(init), magnitude, STFT(g))
