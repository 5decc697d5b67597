r"""Real-time iterative spectrogram inversion with look-ahead, one frame after the other.

At any time a few frames are *active*: the one to be finished next and those ahead of it. Their
phases are iterated while all earlier, *committed* frames stay as they are. What is known of the
signal is the exact least-squares solution of both: overlap-added frames over their envelope.

How a new frame gets its first phase is the business of a `Guess`, and what is known of each frame
that of a `Constraint`.

Frames that do not exist, before the first and behind the last of an item, are absent: they add
neither signal nor envelope. So the end of a signal is nothing but absent frames.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..constraints.base import Constraint
from ..constraints.bounded import limit_gradient, project_bounded
from ..constraints.magnitude import Magnitude
from ..derivatives import is_differentiated
from ..transform.frames import cut, overlap_add, resize, restore_frames, transform_frames
from ..transform.geometry import Geometry
from ..transform.rounded_alike import direction_of
from .guess import Arrival, Guess, LeastSquaresGuess

# Samples whose envelope is less than this share of the full one are faded, not amplified.
_FLOOR = 1e-3


@dataclass(frozen=True, eq=False)
class OnlineState:
    """The active frames and what has been committed, from the start of the oldest active one."""

    target: Tensor
    """Magnitudes (batch, past + look_ahead + 1, bins): committed frames that the guess looks at,
    active ones, and a place for the next frame."""
    estimate: Tensor
    """Spectra of these frames, of the same shape."""
    present: Tensor
    """Which of them exist, (batch, past + look_ahead + 1)."""
    committed: Tensor
    """Overlap-added committed frames, (batch, samples)."""
    envelope: Tensor
    """Sum of the squared windows of the committed frames at these samples, of the same shape."""


class OnlineInverter:
    """The hyperparameters of RTISI-LA, and the step that takes in a frame.

    Parameters
    ----------
    geometry : Geometry
        The transform; its number of frames is of no importance.
    look_ahead, asymmetric_window, max_iter, alpha
        As in :class:`torch_specinv.online.RTISI`.
    constraint : callable, default Magnitude
        Makes the constraint of magnitudes (batch, bins, frames), which are scaled: the largest
        is between 1 and 2.
    guess : Guess, optional
        Gives a new frame its first phase. Default: that of the least-squares solution.
    exact_gradient : bool, default False
        Whether the gradient is the derivative, or limited where a phase amplifies it.
    """

    def __init__(
        self,
        geometry: Geometry,
        *,
        look_ahead: int,
        asymmetric_window: bool,
        max_iter: int,
        alpha: float | Tensor,
        constraint: Callable[[Tensor], Constraint] = Magnitude,
        guess: Guess | None = None,
        exact_gradient: bool = False,
    ) -> None:
        self.geometry = g = geometry
        self.look_ahead = look_ahead
        self.asymmetric_window = asymmetric_window
        self.max_iter = max_iter
        self.alpha = alpha
        self.constraint = constraint
        self.guess: Guess = LeastSquaresGuess() if guess is None else guess
        self.exact_gradient = exact_gradient
        self._power = g.window.abs().square()
        power = float(g.window_on_host.abs().square().sum())
        self._floor = _FLOOR * power / g.hop_length

    def begin(self, batch: int) -> OnlineState:
        """Return the state before the first frame."""
        g = self.geometry
        zeros = self._power.new_zeros(batch, self.guess.past + self.look_ahead + 1, g.bins)
        samples = self._power.new_zeros(batch, self.look_ahead * g.hop_length + g.n_fft)
        return OnlineState(
            target=zeros,
            estimate=zeros.to(zeros.dtype.to_complex()),
            present=zeros[..., 0] > 0,
            committed=samples,
            envelope=samples,
        )

    def push(
        self, state: OnlineState, magnitude: Tensor, present: Tensor
    ) -> tuple[OnlineState, Tensor]:
        """Take in a frame (batch, bins), where `present` (batch,); return finished samples.

        The samples (batch, hop_length) are those from the start of the frame that came in
        `look_ahead` frames ago; for the first `look_ahead` calls they precede the signal.
        """
        here = torch.cat([state.present[:, :-1], present[:, None]], 1)
        target = torch.cat([state.target[:, :-1], magnitude[:, None]], 1) * here.unsqueeze(-1)
        # powers of two: squares neither overflow nor vanish, and no digit changes
        level = _power_of_two_below(target.detach().amax((1, 2)))
        constraint = self.constraint((target / level[:, None, None])[:, self.guess.past :].mT)
        guess = self._guess(state, target, here, constraint, level[:, None])
        estimate = torch.cat([state.estimate[:, :-1], guess[:, None]], 1)
        active = self._iterate(state, self._active(estimate), constraint, self._active(here), level)
        estimate = torch.cat([estimate[:, : self.guess.past], active], 1)
        return self._commit(state, estimate, target, here)

    def rest(self, state: OnlineState) -> Tensor:
        """Return the samples behind those that `push` has returned, from committed frames."""
        wave = self._divide(state.committed, state.envelope)
        return wave[:, : self.geometry.n_fft - self.geometry.hop_length]

    def _guess(
        self,
        state: OnlineState,
        target: Tensor,
        here: Tensor,
        constraint: Constraint,
        level: Tensor,
    ) -> Tensor:
        """Give the new frame a phase, and the magnitude that the constraint starts from."""
        known = torch.cat([here[:, :-1], torch.zeros_like(here[:, :1])], 1)
        seen = self._active(known if self.asymmetric_window else here)
        frames = restore_frames(self._active(state.estimate), self.geometry)
        signal = state.committed + self._overlap(frames)
        wave = self._divide(signal, state.envelope + self._envelope(seen))
        arrival = Arrival(target, state.estimate, here, wave[:, -self.geometry.n_fft :])
        spectrum = self.guess(arrival, self.geometry)
        size = constraint.magnitude()[..., -1] * level
        if is_differentiated(spectrum) and self.exact_gradient:
            # below rounding the phase is chance, as for a constraint
            below = spectrum.detach().abs() < torch.finfo(level.dtype).eps * level
            spectrum = torch.where(below, spectrum.detach(), spectrum)
        elif is_differentiated(spectrum):
            spectrum = limit_gradient(spectrum, size.detach())
        return size * direction_of(spectrum)

    def _iterate(
        self,
        state: OnlineState,
        estimate: Tensor,
        constraint: Constraint,
        here: Tensor,
        level: Tensor,
    ) -> Tensor:
        """Alternate between constraint and signals, with momentum on the signal."""
        g = self.geometry
        envelope = state.envelope + self._envelope(here)
        committed = state.committed / level[:, None]
        level = level[:, None, None]

        def synthesise(spectra: Tensor) -> Tensor:
            return self._divide(committed + self._overlap(restore_frames(spectra, g)), envelope)

        estimate = estimate / level
        extrapolated = previous = synthesise(estimate)
        for number in range(self.max_iter):
            spectra = transform_frames(cut(extrapolated, g.n_fft, g.hop_length), g)
            estimate = self._project(constraint, spectra)
            if number + 1 < self.max_iter:
                wave = synthesise(estimate)
                extrapolated, previous = wave + self.alpha * (wave - previous), wave
        return estimate * level

    def _project(self, constraint: Constraint, spectra: Tensor) -> Tensor:
        """Project spectra (batch, frames, bins)."""
        if self.exact_gradient:
            return constraint.project(spectra.mT).mT
        return project_bounded(constraint, spectra.mT).mT

    def _commit(
        self, state: OnlineState, estimate: Tensor, target: Tensor, here: Tensor
    ) -> tuple[OnlineState, Tensor]:
        """Add the oldest active frame to the committed ones and move on by a hop."""
        g = self.geometry
        size = state.committed.shape[-1]
        past = self.guess.past
        oldest = restore_frames(estimate[:, past], g)
        committed = state.committed + resize(oldest, size)
        envelope = state.envelope + resize(self._power * here[:, past, None], size)
        hop = g.hop_length
        samples = self._divide(committed[:, :hop], envelope[:, :hop])
        moved = OnlineState(
            target=_shift(target),
            estimate=_shift(estimate),
            present=_shift(here),
            committed=resize(committed[:, hop:], size),
            envelope=resize(envelope[:, hop:], size),
        )
        return moved, samples

    def _active(self, places: Tensor) -> Tensor:
        """Leave out the frames that are committed."""
        return places[:, self.guess.past :]

    def _overlap(self, frames: Tensor) -> Tensor:
        return overlap_add(frames, self.geometry.hop_length)

    def _envelope(self, present: Tensor) -> Tensor:
        return self._overlap(self._power * present.unsqueeze(-1))

    def _divide(self, signal: Tensor, envelope: Tensor) -> Tensor:
        return signal / envelope.clamp_min(self._floor)


def _shift(x: Tensor) -> Tensor:
    """Drop the first place of (batch, places, ...) and add an empty one behind the last."""
    return torch.cat([x[:, 1:], torch.zeros_like(x[:, :1])], 1)


def _power_of_two_below(largest: Tensor) -> Tensor:
    """Return the power of two up to which each value reaches, or 1 where it is 0."""
    tiny = torch.finfo(largest.dtype).tiny
    return torch.where(largest > 0, largest.clamp_min(tiny).log2().floor().exp2(), 1)
