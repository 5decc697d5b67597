"""How the frames of a batch are laid out in lanes, and which threads have which of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..transform.sizes import ceil_div
from ..transform.stft import STFT

# Microseconds for one frame of 1024 samples in each lane, by lanes of a register. Code for 4 lanes
# (SSE2) has no fused multiplications either.
_TIME = {4: 7.9, 8: 7.4, 16: 13.8}
# The cost of adding up an overlap of one hop, in frames
_OVERLAP = 0.15


@dataclass(frozen=True)
class Layout:
    """Where the frames of a batch are in the lanes of SIMD registers.

    The frames of an item are cut into segments of successive frames. Each lane of a register works
    on one segment, so a register works on `width` segments, which are called a group.
    """

    width: int
    """Lanes of a register: 4, 8 or 16 floats."""
    groups: int
    """Groups of each item."""
    segment: int
    """Frames of a segment, a multiple of twice the turns."""
    turns: int
    """1, or 2 where even and odd frames are updated alternately."""
    hop: int
    """Samples from one frame to the next."""
    support: int
    """Samples of a frame at which the window is not 0, from the first to the last."""

    @property
    def frames(self) -> int:
        """The frames of an item that there is room for."""
        return self.groups * self.width * self.segment

    @property
    def margin(self) -> int:
        """Samples that the frames of a segment reach into the next one, at most a segment."""
        return max(0, self.support - self.hop)

    @property
    def length(self) -> int:
        """Samples of a segment with its margin."""
        return self.segment * self.hop + self.margin

    def waves(self, batch: int) -> Tensor:
        """Return zeros for waves, (batch, groups, length, width)."""
        return _zeros(batch, self.groups, self.length, self.width)

    def spectra(self, batch: int, bins: int, parts: int) -> Tensor:
        """Return memory for magnitudes (`parts` = 1) or complex spectra (`parts` = 2), not cleared.

        The shape is (batch, pairs, bins, 2, parts, width): two frames at a time are transformed.
        """
        pairs = self.groups * self.segment // 2
        shape = batch, pairs, bins, 2, parts, self.width
        return torch.empty(shape, dtype=torch.float32, device="cpu")

    def bands(self, known: Tensor) -> Tensor:
        """Lay out what is known of bands (batch, bands, frames), as `spectra` are laid out."""
        batch, bands, frames = known.shape
        padded = torch.nn.functional.pad(known.float(), (0, self.frames - frames))
        parts = padded.unflatten(2, (self.groups, self.width, -1, 2, self.turns))
        # item, band, group, lane, pair, first or second, turn
        lanes = parts.permute(0, 2, 6, 4, 1, 5, 3)
        return lanes.reshape(batch, -1, bands, 2, 1, self.width).contiguous()

    def unpack_bands(self, lanes: Tensor, frames: int) -> Tensor:
        """Undo :meth:`bands`: return (batch, bands, frames)."""
        parts = lanes.squeeze(4).unflatten(1, (self.groups, self.turns, -1))
        # item, group, turn, pair, band, first or second, lane
        rows = parts.permute(0, 4, 1, 6, 3, 5, 2).flatten(2)
        return rows[..., :frames]

    def sums(self, batch: int) -> Tensor:
        """Return zeros for sums over two frames at a time, (batch, pairs, 2, width).

        The second of each two is the sum over the bins that stand for themselves alone.
        """
        return _zeros(batch, self.groups * self.segment // 2, 2, self.width)

    def place(self, sample: Tensor) -> Tensor:
        """Return the index in the lanes of an item, (groups, length, width), of its samples."""
        own = self.segment * self.hop
        segment = sample // own
        group, lane = segment // self.width, segment % self.width
        return (group * self.length + sample % own) * self.width + lane


def choose_layout(
    stft: STFT, batch: int, turns: int, threads: int, widths: Iterable[int]
) -> Layout:
    """Return the layout with which the busiest of the threads has the least to do."""
    g = stft.geometry
    begin, end = window_part(stft)
    support = end - begin
    # room for all that frames reach, and for the whole waveform
    samples = max((g.frames - 1) * g.hop_length + support, g.padding + g.length - begin)
    frames = ceil_div(samples, g.hop_length)
    least = ceil_div(max(0, support - g.hop_length), g.hop_length)
    best: tuple[float, Layout] | None = None
    for width in widths:
        for groups in sorted({1, threads}):
            segment = max(ceil_div(frames, groups * width), least)
            segment = ceil_div(segment, 2 * turns) * 2 * turns
            # threads share the groups of an item, or have items of their own
            rounds = batch if groups > 1 else ceil_div(batch, threads)
            time = rounds * _TIME[width] * (segment + _OVERLAP * least)
            if best is None or time < best[0]:
                best = time, Layout(width, groups, segment, turns, g.hop_length, support)
    assert best is not None
    return best[1]


def window_part(stft: STFT) -> tuple[int, int]:
    """Return the begin and the end of the samples of a frame that are transformed.

    The first frame begins with sample 0 of the lanes.
    """
    g = stft.geometry
    begin, end = g.window_shape.support
    # samples of the waveform before it may still be covered through their copies in the padding
    return (min(begin, g.padding) if g.center else begin), end


def _zeros(*shape: int) -> Tensor:
    """Return zeros on a CPU, in memory that is aligned as registers are."""
    return torch.zeros(*shape, dtype=torch.float32, device="cpu")
