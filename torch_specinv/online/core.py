r"""Real-time iterative spectrogram inversion with look-ahead, one frame after the other.

A pointwise rule, that of Griffin-Lim or another, is iterated on a few frames at a time (Peer,
Welker, Peer, Gerkmann: "A flexible online framework for projection-based STFT phase retrieval",
2023). At any time a few frames are *active*: the one to be finished next and those ahead of it.
Their phases are iterated while all earlier, *committed* frames stay as they are. What is known of
the signal is the exact least-squares solution of both: overlap-added frames over their envelope.
What a rule remembers begins anew with each frame.

How a new frame gets its first phase is the business of a `Guess`, and what is known of each frame
that of a `Constraint`.

Frames that do not exist, before the first and behind the last of an item, are absent: they add
neither signal nor envelope. So the end of a signal is nothing but absent frames.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ..constraints.base import Constraint
from ..constraints.magnitude import Magnitude
from ..errors import SpecInvError
from ..plugins import guarded
from ..solve.algorithm import PointwiseAlgorithm
from ..solve.checked import CheckedRule
from ..transform.frames import resize, restore_frames
from ..transform.geometry import Geometry
from ..transform.rounded_alike import direction_of
from .compiled import CompiledStep, obstacle
from .first_phase import first_spectra
from .guess import Arrival, Guess, LeastSquaresGuess
from .iterate import Iteration
from .overlap import Overlap
from .state import OnlineState

# The power of the least normal number below which frames are nothing beside committed ones
_INAUDIBLE = 0.4


class OnlineInverter:
    """A pointwise rule for streaming, and the step that takes in a frame.

    Parameters
    ----------
    geometry : Geometry
        The transform; its number of frames is of no importance.
    algorithm : PointwiseAlgorithm
        The rule; with ``GriffinLim(alpha)`` this is RTISI-LA.
    look_ahead, asymmetric_window, max_iter
        As in :class:`torch_specinv.online.RTISI`; 0 iterations leave the guess as it is.
    constraint : callable, default Magnitude
        Makes the constraint of what was observed, (batch, rows, frames). A frame's part in it may
        depend on that frame alone.
    guess : Guess, optional
        Gives a new frame its first phase. Default: that of the least-squares solution.
    exact_gradient : bool, default False
        Whether the gradient is the derivative, or limited where a phase amplifies it.
    backend : str, default "auto"
        "native" for compiled code, "torch" for torch operations, or "auto" for the first of these
        that can take in the frames. Gradients are for torch alone.

    Raises
    ------
    SpecInvError
        If compiled code is asked for, and has no such rule, transform or constraint.
    """

    def __init__(
        self,
        geometry: Geometry,
        *,
        look_ahead: int,
        algorithm: PointwiseAlgorithm,
        asymmetric_window: bool = False,
        max_iter: int,
        constraint: Callable[[Tensor], Constraint] = Magnitude,
        guess: Guess | None = None,
        exact_gradient: bool = False,
        backend: str = "auto",
    ) -> None:
        self.geometry = geometry
        self.look_ahead = look_ahead
        self.asymmetric_window = asymmetric_window
        self.max_iter = max_iter
        self.algorithm = algorithm
        self.constraint = constraint
        self.guess: Guess = LeastSquaresGuess() if guess is None else guess
        self.exact_gradient = exact_gradient
        self._overlap = Overlap(geometry)
        self._iterate = Iteration(geometry, self._overlap, algorithm, max_iter, exact_gradient)
        self._compiled = None if backend == "torch" else self._compile(backend)

    def _compile(self, backend: str) -> CompiledStep | None:
        """Return the compiled step, or None where there is none and nobody insists on it."""
        rule = guarded(self.algorithm, CheckedRule)
        lacking = obstacle(self.geometry, rule, self.max_iter)
        if self.constraint is not Magnitude:
            lacking = "it takes frames of magnitudes, no bands and no constraint of yours"
        if lacking is None:
            return CompiledStep(
                self.geometry,
                rule,
                self.max_iter,
                self.guess,
                asymmetric_window=self.asymmetric_window,
                floor=self._overlap.floor,
            )
        if backend == "native":
            raise SpecInvError(f"backend={backend!r} can't run this: {lacking}.")
        return None

    def begin(self, batch: int, rows: int | None = None) -> OnlineState:
        """Return the state before the first frame, of so many rows; by default they are bins."""
        g = self.geometry
        places = self.guess.past + self.look_ahead + 1
        zeros = self._overlap.power.new_zeros(batch, places, g.bins)
        samples = zeros.new_zeros(batch, self.look_ahead * g.hop_length + g.n_fft)
        return OnlineState(
            target=zeros if rows is None else zeros.new_zeros(batch, places, rows),
            magnitude=zeros,
            estimate=zeros.to(zeros.dtype.to_complex()),
            present=zeros[..., 0] > 0,
            committed=samples,
            envelope=samples,
        )

    def push(
        self, state: OnlineState, observed: Tensor, present: Tensor
    ) -> tuple[OnlineState, Tensor]:
        """Take in a frame (batch, rows), where `present` (batch,); return finished samples.

        The samples (batch, hop_length) are those from the start of the frame that came in
        `look_ahead` frames ago; for the first `look_ahead` calls they precede the signal.
        """
        step = self._compiled
        if step is not None and not step.takes(state, observed):
            step = None
        if step is not None and step.guesses:
            return step.push(state, observed, present, None)
        here = torch.cat([state.present[:, :-1], present[:, None]], 1)
        target = torch.cat([state.target[:, :-1], observed[:, None]], 1) * here.unsqueeze(-1)
        level, constraint = self._constrain(target, state.committed)
        scale = level[:, None]
        newest = constraint.of_frames(slice(-1, None))
        new = newest.magnitude()[..., 0] * scale
        magnitude = torch.cat([state.magnitude[:, :-1], new[:, None]], 1)
        arrival = self._arrival(state, magnitude, here)
        estimate = torch.cat([state.estimate[:, :-1], torch.zeros_like(state.estimate[:, :1])], 1)
        begun = self._begin_frames(arrival, scale, newest.own_start())
        estimate = torch.cat([estimate[:, : -begun.shape[1]], begun], 1)
        if step is not None:
            return step.push(state, observed, present, estimate)
        active = self._iterate(
            self._active(estimate),
            self._active(here),
            constraint,
            level,
            state.committed,
            state.envelope,
        )
        estimate = torch.cat([estimate[:, : self.guess.past], active], 1)
        return self._commit(
            state,
            replace(state, target=target, magnitude=magnitude, estimate=estimate, present=here),
        )

    def _constrain(self, target: Tensor, committed: Tensor) -> tuple[Tensor, Constraint]:
        """Return the level of each item, and the constraint of the active frames, scaled by it.

        Levels are powers of two: squares neither overflow nor vanish, and no digit changes. What
        is committed counts too, as it may be louder than all active frames.
        """
        constraint = self.constraint(self._active(target).mT)
        largest = constraint.target.detach().amax((1, 2))
        degree = constraint.degree
        largest = largest if degree == 1 else largest ** (1 / degree)
        inaudible = torch.finfo(committed.dtype).tiny ** _INAUDIBLE
        level = _power_of_two_below(
            torch.maximum(largest, inaudible * committed.detach().abs().amax(1))
        )
        return level, constraint.scaled(level[:, None, None])

    def rest(self, state: OnlineState) -> Tensor:
        """Return the samples behind those that `push` has returned, from committed frames."""
        wave = self._overlap.divide(state.committed, state.envelope)
        return wave[:, : self.geometry.n_fft - self.geometry.hop_length]

    def _arrival(self, state: OnlineState, magnitude: Tensor, here: Tensor) -> Arrival:
        """Show the new frame and the samples that the earlier ones determine of it."""
        known = torch.cat([here[:, :-1], torch.zeros_like(here[:, :1])], 1)
        seen = self._active(known if self.asymmetric_window else here)
        frames = restore_frames(self._active(state.estimate), self.geometry)
        signal = state.committed + self._overlap.signal(frames)
        wave = self._overlap.divide(signal, state.envelope + self._overlap.envelope(seen))
        return Arrival(magnitude, state.estimate, here, wave[:, -self.geometry.n_fft :])

    def _begin_frames(self, arrival: Arrival, level: Tensor, known: Tensor | None) -> Tensor:
        """Return the spectra that the last frames start from.

        A constraint may have a phase of its own to start from (batch, bins, 1).
        """
        if known is not None:
            return arrival.magnitude[:, -1:] * direction_of(known.mT)
        return first_spectra(
            self.guess, arrival, self.geometry, level, exact_gradient=self.exact_gradient
        )

    def _commit(self, state: OnlineState, seen: OnlineState) -> tuple[OnlineState, Tensor]:
        """Add the oldest active frame to the committed ones and move on by a hop."""
        g = self.geometry
        size = state.committed.shape[-1]
        past = self.guess.past
        oldest = restore_frames(seen.estimate[:, past], g)
        committed = state.committed + resize(oldest, size)
        envelope = state.envelope + resize(self._overlap.power * seen.present[:, past, None], size)
        hop = g.hop_length
        samples = self._overlap.divide(committed[:, :hop], envelope[:, :hop])
        moved = OnlineState(
            target=_shift(seen.target),
            magnitude=_shift(seen.magnitude),
            estimate=_shift(seen.estimate),
            present=_shift(seen.present),
            committed=resize(committed[:, hop:], size),
            envelope=resize(envelope[:, hop:], size),
        )
        return moved, samples

    def _active(self, places: Tensor) -> Tensor:
        """Leave out the frames that are committed."""
        return places[:, self.guess.past :]


def _shift(x: Tensor) -> Tensor:
    """Drop the first place of (batch, places, ...) and add an empty one behind the last."""
    return torch.cat([x[:, 1:], torch.zeros_like(x[:, :1])], 1)


def _power_of_two_below(largest: Tensor) -> Tensor:
    """Return the power of two up to which each value reaches, or 1 where it is 0."""
    tiny = torch.finfo(largest.dtype).tiny
    return torch.where(largest > 0, largest.clamp_min(tiny).log2().floor().exp2(), 1)
