r"""The STFT in real arithmetic, for any number of frames: what graph formats can hold.

A spectrum is one real tensor (batch, 2 bins, frames), the real parts of all bins above the
imaginary ones. Analysis is a convolution of the padded wave with the rows

.. math:: w_n \cos(2 \pi k n / N), \qquad -w_n \sin(2 \pi k n / N)

and a step of one hop. Synthesis is the transposed convolution with the same rows, weighted, and
division by the envelope, as in :mod:`.stft`. Frames and samples may be symbols of a trace: no value
and no size decides what is done, and nothing is written in place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from ..errors import SpecInvError
from .edges import Coverage, calm
from .geometry import Geometry
from .stft import ALL_FRAMES
from .windows import POORLY_COVERED, lost_share, periodic_envelope


def fourier_rows(geometry: Geometry) -> Tensor:
    """Return the windowed cosines and sines of a transform, shape (2 bins, 1, span).

    Raises
    ------
    SpecInvError
        If spectra are two-sided, or the window is complex.
    """
    g = geometry
    if not g.onesided or g.window.is_complex():
        raise SpecInvError(
            "onesided=False, or a complex window: in real arithmetic only one-sided spectra, with "
            "a real window, can be transformed."
        )
    n = torch.arange(g.span, device="cpu")
    # whole numbers stay exact where their product is large
    turns = (torch.arange(g.bins, device="cpu")[:, None] * n % g.n_fft).double() / g.n_fft
    rows = torch.cat([torch.cos(2 * math.pi * turns), -torch.sin(2 * math.pi * turns)])
    # half a turn has no sine, up to rounding
    rows[g.bins :][(2 * turns % 1) == 0] = 0
    rows = rows * g.window[: g.span].detach().cpu() / (math.sqrt(g.n_fft) if g.normalized else 1)
    return rows.unsqueeze(1).to(g.window)


@dataclass(frozen=True, eq=False)
class RealSTFT:
    """The transform of spectra (batch, 2 bins, frames), as :class:`.stft.STFT` is of complex ones.

    The waveform has the fewest samples with this many frames.
    """

    geometry: Geometry
    """Its `frames` and `length` may be symbols."""
    rows: Tensor
    """What :func:`fourier_rows` returns."""
    envelope: Tensor
    """Sum of the squared windows at each sample, (length,); 0 where no frame covers it."""
    gain: Tensor
    """1 / envelope; 0 where no frame covers the sample."""
    poorly_covered: Tensor | None
    """Which samples have hardly any envelope, (length,); None where there are none."""

    middle: ClassVar[None] = None
    """No part of a wave is left out where its ends are treated."""

    @classmethod
    def of(cls, geometry: Geometry, rows: Tensor, frames: int, *, edges: bool) -> RealSTFT:
        """Fit a transform to a number of frames; `edges` tells of samples poorly covered."""
        span = geometry.span
        length = geometry.hop_length * (frames - 1) + span - 2 * geometry.padding
        g = replace(geometry, frames=frames, length=length)
        power = g.window[:span].square()
        usual = periodic_envelope(g.window, g.hop_length).max()
        added = F.conv_transpose1d(
            power.new_ones(1, 1, frames), power.view(1, 1, -1), stride=g.hop_length
        )
        envelope = fold(added[:, 0], g.padding, g.pad_mode, length)[0]
        seen = envelope > lost_share(envelope.dtype) * usual
        return cls(
            g,
            rows,
            torch.where(seen, envelope, 0),
            torch.where(seen, 1 / torch.where(seen, envelope, 1), 0),
            seen & (envelope < POORLY_COVERED * usual) if edges else None,
        )

    def analyse(self, wave: Tensor, frames: slice = ALL_FRAMES) -> Tensor:
        """Transform waves (batch, length) to spectra (batch, 2 bins, frames)."""
        g = self.geometry
        padded = pad(wave, g.padding, g.pad_mode)
        if frames.step in (None, 1):
            return F.conv1d(padded[:, None], self.rows, stride=g.hop_length)
        # a stride over several frames would need to know whether their number is even
        number = torch.arange(g.frames, device=wave.device)[frames]
        place = torch.arange(g.span, device=wave.device)[:, None] + g.hop_length * number
        return F.conv1d(padded[:, place], self.rows.mT)

    def synthesise(self, spectrum: Tensor, frames: slice = ALL_FRAMES) -> Tensor:
        """Return the waves (batch, length) with the transform nearest to a spectrum."""
        g, stride = self.geometry, self.geometry.hop_length * (frames.step or 1)
        weighted = spectrum * self.bin_weights()
        added = F.conv_transpose1d(weighted, self.rows, stride=stride)[:, 0]
        if frames.step not in (None, 1):  # these frames may end before the last one does
            place = torch.arange(added.shape[-1], device=added.device)
            whole = added.new_zeros(added.shape[0], g.padded_length)
            added = whole.index_add(1, place + g.hop_length * frames.start, added)
        return fold(added, g.padding, g.pad_mode, g.length) * self.gain

    def bin_weights(self) -> Tensor:
        """Return weights (2 bins, 1) of squared parts whose sum is the energy of the frame."""
        g = self.geometry
        bin_ = torch.arange(g.bins, device=self.rows.device)
        weights = torch.where((bin_ > 0) & (2 * bin_ < g.n_fft), 2, 1).to(self.rows.dtype)
        weights = weights if g.normalized else weights / g.n_fft
        return torch.cat([weights, weights])[:, None]

    def suppress_edge_noise(self, wave: Tensor, noise: Tensor) -> Tensor:
        """Remove clicks, as :meth:`.stft.STFT.suppress_edge_noise` does."""
        if self.poorly_covered is None:
            return wave
        g = self.geometry
        power = g.window[: g.span].square().view(1, 1, -1)
        added = F.conv_transpose1d(noise[:, None], power, stride=g.hop_length)[:, 0]
        variance = fold(added, g.padding, g.pad_mode, g.length) * self.gain.square()
        coverage = Coverage.of(self.poorly_covered, self.envelope, g)
        return calm(wave, variance, self.poorly_covered, coverage, g)


def pad(wave: Tensor, amount: int, mode: str) -> Tensor:
    """Do what :func:`.padding.pad` does, without writing in place."""
    if amount == 0:
        return wave
    if mode == "constant":
        return F.pad(wave, (amount, amount))
    if mode == "reflect":
        left, right = wave[:, 1 : amount + 1].flip(-1), wave[:, -1 - amount : -1].flip(-1)
    elif mode == "circular":
        left, right = wave[:, -amount:], wave[:, :amount]
    else:  # replicate
        left, right = wave[:, :1].expand(-1, amount), wave[:, -1:].expand(-1, amount)
    return torch.cat([left, wave, right], -1)


def fold(padded: Tensor, amount: int, mode: str, length: int) -> Tensor:
    """Do what :func:`.padding.fold` does, to waves of `length`, without writing in place."""
    if amount == 0:
        return padded
    wave = padded[:, amount:-amount]
    if mode == "constant":
        return wave
    left, right = padded[:, :amount], padded[:, -amount:]
    if mode == "reflect":
        rest = length - 1 - amount
        return wave + F.pad(left.flip(-1), (1, rest)) + F.pad(right.flip(-1), (rest, 1))
    if mode == "circular":
        rest = length - amount
        return wave + F.pad(left, (rest, 0)) + F.pad(right, (0, rest))
    left, right = left.sum(-1, keepdim=True), right.sum(-1, keepdim=True)
    return wave + F.pad(left, (0, length - 1)) + F.pad(right, (length - 1, 0))
