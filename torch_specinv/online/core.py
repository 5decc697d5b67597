r"""Real-time iterative spectrogram inversion with look-ahead, one frame after the other.

At any time a few frames are *active*: the one to be finished next and those ahead of it. Their
phases are iterated while all earlier, *committed* frames stay as they are. What is known of the
signal is the exact least-squares solution of both: overlap-added frames over their envelope.

Frames that do not exist, before the first and behind the last of an item, are absent: they add
neither signal nor envelope. So the end of a signal is nothing but absent frames.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..transform.geometry import Geometry
from ..transform.stft import overlap_add, resize, restore_frames, transform_frames
from ..transform.windows import centroid

# Samples seen through less than this share of the full envelope are faded, not amplified.
_FLOOR = 1e-3
# Where nothing says what the phase of a new frame is, that of a pulse in its middle.
_DOUBT = 1e-6


@dataclass(frozen=True, eq=False)
class OnlineState:
    """The active frames and what has been committed, from the start of the oldest active one."""

    target: Tensor
    """Magnitudes (batch, look_ahead + 1, bins); the last place is for the next frame."""
    estimate: Tensor
    """Spectra of the active frames, of the same shape."""
    present: Tensor
    """Which of them exist, (batch, look_ahead + 1)."""
    committed: Tensor
    """Overlap-added committed frames, (batch, samples)."""
    envelope: Tensor
    """What these samples are seen through, of the same shape."""


class OnlineInverter:
    """The hyperparameters of RTISI-LA, and the step that takes in a frame."""

    def __init__(
        self,
        geometry: Geometry,
        *,
        look_ahead: int,
        asymmetric_window: bool,
        max_iter: int,
        alpha: float | Tensor,
    ) -> None:
        self.geometry = g = geometry
        self.look_ahead = look_ahead
        self.asymmetric_window = asymmetric_window
        self.max_iter = max_iter
        self.alpha = alpha
        self._power = g.window.abs().square()
        self._floor = _FLOOR * float(self._power.sum()) / g.hop_length
        k = torch.arange(g.bins, device=g.window.device, dtype=self._power.dtype)
        delay = -2 * math.pi * centroid(g.window) / g.n_fft
        self._pulse = torch.polar(torch.ones_like(k), torch.remainder(delay * k, 2 * math.pi))

    def begin(self, batch: int) -> OnlineState:
        """Return the state before the first frame."""
        g = self.geometry
        active = self.look_ahead + 1
        zeros = self._power.new_zeros(batch, active, g.bins)
        samples = self._power.new_zeros(batch, self.look_ahead * g.hop_length + g.n_fft)
        return OnlineState(
            target=zeros,
            estimate=zeros.to(self._pulse.dtype),
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
        guess = self._guess(state, magnitude, here)
        estimate = torch.cat([state.estimate[:, :-1], guess[:, None]], 1)
        estimate = self._iterate(state, estimate, target, here)
        return self._commit(state, estimate, target, here)

    def rest(self, state: OnlineState) -> Tensor:
        """Return the samples behind those that `push` has returned, from committed frames."""
        wave = self._divide(state.committed, state.envelope)
        return wave[:, : self.geometry.n_fft - self.geometry.hop_length]

    def _guess(self, state: OnlineState, magnitude: Tensor, here: Tensor) -> Tensor:
        """Give the new frame the phase of what the earlier frames say about its samples."""
        g = self.geometry
        known = torch.cat([here[:, :-1], torch.zeros_like(here[:, :1])], 1)
        signal = state.committed + self._overlap(restore_frames(state.estimate, g))
        seen = known if self.asymmetric_window else here
        wave = self._divide(signal, state.envelope + self._envelope(seen))
        spectrum = transform_frames(wave[:, -g.n_fft :], g)
        return magnitude * torch.sgn(spectrum + _DOUBT * magnitude * self._pulse)

    def _iterate(
        self, state: OnlineState, estimate: Tensor, target: Tensor, here: Tensor
    ) -> Tensor:
        """Alternate between magnitudes and signals, with momentum on the signal."""
        g = self.geometry
        envelope = state.envelope + self._envelope(here)

        def synthesise(spectra: Tensor) -> Tensor:
            return self._divide(
                state.committed + self._overlap(restore_frames(spectra, g)), envelope
            )

        extrapolated = previous = synthesise(estimate)
        for number in range(self.max_iter):
            spectra = transform_frames(extrapolated.unfold(-1, g.n_fft, g.hop_length), g)
            estimate = target * torch.sgn(spectra)
            if number + 1 < self.max_iter:
                wave = synthesise(estimate)
                extrapolated, previous = wave + self.alpha * (wave - previous), wave
        return estimate

    def _commit(
        self, state: OnlineState, estimate: Tensor, target: Tensor, here: Tensor
    ) -> tuple[OnlineState, Tensor]:
        """Add the oldest active frame to the committed ones and move on by a hop."""
        g = self.geometry
        size = state.committed.shape[-1]
        oldest = restore_frames(estimate[:, 0], g)
        committed = state.committed + resize(oldest, size)
        envelope = state.envelope + resize(self._power * here[:, :1], size)
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

    def _overlap(self, frames: Tensor) -> Tensor:
        return overlap_add(frames, self.geometry.hop_length)

    def _envelope(self, present: Tensor) -> Tensor:
        return self._overlap(self._power * present.unsqueeze(-1))

    def _divide(self, signal: Tensor, envelope: Tensor) -> Tensor:
        return signal / envelope.clamp_min(self._floor)


def _shift(x: Tensor) -> Tensor:
    """Drop the first place of (batch, places, ...) and add an empty one behind the last."""
    return torch.cat([x[:, 1:], torch.zeros_like(x[:, :1])], 1)
