r"""Several STFTs of one waveform, as one transform.

Its spectrum is that of all of them, each scaled by :math:`s_i = (n_i \bar D_i)^{-1/2}`, so that all
have about the energy of the waveform, with :math:`n_i` the n_fft and :math:`\bar D_i` the largest
envelope far from the ends. Its least-squares inverse is a mean of theirs, as all
:math:`A_i^H A_i = n_i D_i` are diagonal:

.. math:: A^+ c = \Bigl( \sum_i s_i^2 n_i D_i \Bigr)^{-1} \sum_i s_i^2 n_i D_i \, A_i^+ c_i

and :math:`A A^+` is an orthogonal projection. So every method that alternates between a rule and a
transform takes it.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..tensors import Numbers, as_tensor
from .stft import ALL_FRAMES, STFT
from .windows import periodic_envelope

#: The columns of the spectrum: even and odd frames, which may be updated alternately.
COLUMNS = 2


class SeveralSTFT(STFT):
    """STFTs of waves of one length. A spectrum is (batch, rows, 2).

    The rows are bins and pairs of frames of one STFT after the other, the columns the even and the
    odd frames. An odd last frame has silence beside it.

    Parameters
    ----------
    parts : sequence of STFT
        Of the same length, dtype and device.
    """

    single = False

    def __init__(self, parts: Sequence[STFT]) -> None:
        # not STFT.__init__: the envelopes are there
        self.parts = tuple(parts)
        self.scales = tuple(_scale_of(part) for part in self.parts)
        sizes = [part.geometry.bins * pairs_of(part.geometry.frames) for part in self.parts]
        self.geometry = replace(self.parts[0].geometry, bins=sum(sizes), frames=COLUMNS)
        self._see(sum(self._shares(), torch.zeros_like(self.parts[0].envelope)))

    def _shares(self) -> list[Tensor]:
        """Return the envelope that each part contributes."""
        norms = [1.0 if p.geometry.normalized else float(p.geometry.n_fft) for p in self.parts]
        scaled = zip(self.parts, self.scales, norms, strict=True)
        return [part.envelope * (scale**2 * norm) for part, scale, norm in scaled]

    def _see(self, envelope: Tensor, longest: Tensor | None = None) -> None:
        self._envelope = envelope
        self.gain = torch.where(envelope > 0, 1 / torch.where(envelope > 0, envelope, 1), 0)
        self.poorly_covered = self.middle = self._ends = None

    def analyse(self, wave: Numbers, frames: slice = ALL_FRAMES) -> Tensor:
        """Transform waves (batch, length) to spectra (batch, rows, columns)."""
        wave = as_tensor(wave, "wave")
        return stack(
            [
                part.analyse(wave) * scale
                for part, scale in zip(self.parts, self.scales, strict=True)
            ]
        )[..., frames]

    def synthesise(
        self, spectrum: Numbers, frames: slice = ALL_FRAMES, *, suppress_edge_noise: bool = False
    ) -> Tensor:
        """Return the waves (batch, length) whose transform is nearest to all of a spectrum."""
        spectrum = as_tensor(spectrum, "spectrum")
        if spectrum.shape[-1] < COLUMNS:
            whole = spectrum.new_zeros(*spectrum.shape[:-1], COLUMNS)
            whole[..., frames] = spectrum
            spectrum = whole
        wave = self.envelope.new_zeros(())
        several = zip(self.parts, self.scales, self._shares(), self.split(spectrum), strict=True)
        for part, scale, share, own in several:
            wave = wave + part.synthesise(own / scale) * share
        return wave * self.gain

    def split(self, spectrum: Tensor) -> list[Tensor]:
        """Return what of a spectrum is each part's, (batch, bins, frames)."""
        shapes = [(part.geometry.bins, part.geometry.frames) for part in self.parts]
        return split(spectrum, shapes)

    def select(self, items: Tensor) -> SeveralSTFT:
        """Return the transform of some items."""
        chosen = copy.copy(self)
        chosen.parts = tuple(part.select(items) for part in self.parts)
        if self.envelope.ndim > 1:
            chosen._envelope, chosen.gain = self.envelope[items], self.gain[items]
        return chosen

    def pad(self, wave: Tensor) -> Tensor:
        """Return waves as they are: each part pads them."""
        return wave

    def analyse_padded(self, padded: Tensor, frames: slice) -> Tensor:
        """Transform waves as :meth:`pad` returns them."""
        return self.analyse(padded, frames)

    def lengths_and_last_frames(self, batch: int) -> tuple[Tensor, Tensor]:
        """Return those of the first part."""
        return self.parts[0].lengths_and_last_frames(batch)

    def bin_weights(self) -> Tensor:
        """Return weights (rows, 1) that count the mirror images of bins, too."""
        rows = [
            (part.bin_weights() * (1.0 if part.geometry.normalized else part.geometry.n_fft))
            .expand(-1, pairs_of(part.geometry.frames))
            .reshape(-1, 1)
            for part in self.parts
        ]
        return torch.cat(rows)


def _scale_of(part: STFT) -> float:
    g = part.geometry
    usual = float(periodic_envelope(g.window.abs(), g.hop_length).max())
    return (usual * (1.0 if g.normalized else g.n_fft)) ** -0.5


def pairs_of(frames: int) -> int:
    """Return how many pairs of an even and an odd frame there are."""
    return -(-frames // COLUMNS)


def stack(spectra: Sequence[Tensor]) -> Tensor:
    """Put spectrograms (batch, rows, frames) side by side, (batch, all rows, columns)."""
    whole = [torch.nn.functional.pad(x, (0, -x.shape[-1] % COLUMNS)) for x in spectra]
    return torch.cat([x.unflatten(-1, (-1, COLUMNS)).flatten(-3, -2) for x in whole], -2)


def split(stacked: Tensor, shapes: Sequence[tuple[int, int]]) -> list[Tensor]:
    """Undo :func:`stack`, given the rows and frames of each."""
    sizes = [rows * pairs_of(frames) for rows, frames in shapes]
    return [
        part.unflatten(-2, (rows, -1)).flatten(-2)[..., :frames]
        for part, (rows, frames) in zip(stacked.split(sizes, -2), shapes, strict=True)
    ]
