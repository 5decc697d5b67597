"""Padded waves, of which frames are cut out, and to which frames are added, chunk by chunk."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..transform.frames import restore_frames, transform_windowed
from ..transform.sizes import ceil_div
from ..transform.stft import STFT
from .buffers import sum_of
from .chunk_views import ChunkViews, find_views
from .partition import Chunk, Group


class PaddedWaves:
    """What of a transform concerns waves (batch, padded samples) and some of their frames.

    Parameters
    ----------
    stft : STFT
        The transform, of one window.
    groups : int
        How many groups of frames are updated in turn: every so many-th frame is of one group.
    """

    def __init__(self, stft: STFT, groups: int) -> None:
        self._stft = stft
        g = stft.geometry
        self._begin, self._end = g.window_shape.support
        self._window = g.window[self._begin : self._end]
        self._stride = g.hop_length * groups
        self.overlap = ceil_div(len(self._window), self._stride) - 1
        """How many blocks of one stride a frame reaches beyond its own."""
        # frames are cut out of the padded wave, and added up in whole blocks, which may reach on
        self._length = max(
            g.padded_length,
            (g.frames - 1) * g.hop_length + g.n_fft,
            *(self._span(first, len(range(first, g.frames, groups)))[1] for first in range(groups)),
        )

    def _span(self, first: int, count: int) -> tuple[int, int]:
        """Return where the samples of a group begin and end: of so many frames from `first` on."""
        begin = self._stft.geometry.hop_length * first + self._begin
        return begin, begin + self._stride * (count + self.overlap)

    def empty(self, target: Tensor) -> Tensor:
        """Return silence, a padded wave for each spectrogram of (..., bins, frames)."""
        return target.new_zeros(target.shape[:-2].numel(), self._length)

    def inner(self, padded: Tensor) -> Tensor:
        """Return the part of padded waves that is the waves, as a view."""
        g = self._stft.geometry
        return padded[:, g.padding : g.padding + g.length]

    def total(self, partial_waves: Sequence[Tensor]) -> Tensor:
        """Return the waves that the groups of frames add up to."""
        return sum_of([self.inner(wave) for wave in partial_waves]) * self._stft.gain

    def clear_edges(self, group: Group, into: Tensor) -> None:
        """Set the samples to 0 that no frame of a group covers: folding has written there."""
        begin, end = self._span(group.first, group.count)
        into[:, :begin].zero_()
        into[:, end:].zero_()

    def views(self, group: Group, source: Tensor, into: Tensor) -> list[list[ChunkViews]]:
        """Find the places of the chunks of each run, in waves to analyse and waves to add to."""
        begin, _ = self._span(group.first, group.count)
        sizes = len(self._window), self._stride, self.overlap, group.count

        def views(chunk: Chunk) -> ChunkViews:
            return find_views(
                chunk, source, into, begin + chunk.frames.start * self._stride, *sizes
            )

        return [[views(chunk) for chunk in run] for run in group.runs]

    def analyse(self, views: ChunkViews) -> Tensor:
        """Return the spectra (rows, frames, bins) of a chunk."""
        g, chunk = self._stft.geometry, views.chunk
        frames = views.source * self._window
        if len(self._window) < g.n_fft:
            frames = torch.nn.functional.pad(frames, (self._begin, g.n_fft - self._end))
        if chunk.frame_mask is not None:
            frames *= chunk.frame_mask
        return transform_windowed(frames, g)

    def add(self, views: ChunkViews, spectrum: Tensor) -> None:
        """Transform spectra (rows, frames, bins) back and add up the frames where they overlap."""
        g = self._stft.geometry
        if g.onesided:
            frames = torch.fft.irfft(spectrum, n=g.n_fft, norm=g.norm)
            frames = frames[..., self._begin : self._end].mul_(self._window)
        else:
            frames = restore_frames(spectrum, g)[..., self._begin : self._end]
        if views.chunk.frame_mask is not None:
            frames *= views.chunk.frame_mask
        # each call costs, and more with several threads: they wait for the interpreter
        stride = views.targets[0].shape[-1]
        for target_, block in zip(views.targets, frames.split(stride, -1), strict=True):
            (target_ if block.shape[-1] == stride else target_[..., : block.shape[-1]]).add_(block)
