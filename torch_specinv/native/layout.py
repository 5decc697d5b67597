"""How the frames of a batch are laid out in lanes, and which threads have which of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..transform.stft import STFT
from ..transform.windows import support_of

# Microseconds that a frame of 1024 samples in each lane takes together. Without the instructions
# of wider registers the narrow ones lack fused multiplications as well.
_TIME = {4: 7.9, 8: 7.4, 16: 13.8}
# What adding up an overlap of one hop costs, in frames
_OVERLAP = 0.15


@dataclass(frozen=True)
class Layout:
    """A lane has a segment of an item, `width` segments are a group, each item has its groups."""

    width: int
    groups: int
    segment: int
    """Frames, a multiple of twice the turns."""
    turns: int
    """1, or 2 where even and odd frames take turns."""
    hop: int
    support: int
    """Samples of a window."""

    @property
    def frames(self) -> int:
        """Return how many frames there is room for."""
        return self.groups * self.width * self.segment

    @property
    def margin(self) -> int:
        """Return how many samples segments reach into the next; no more than it has itself."""
        return max(0, self.support - self.hop)

    @property
    def length(self) -> int:
        """Return the samples of a segment with its margin."""
        return self.segment * self.hop + self.margin

    def waves(self, batch: int) -> Tensor:
        """Return room for waves."""
        return _zeros(batch, self.groups, self.length, self.width)

    def spectra(self, batch: int, bins: int, parts: int) -> Tensor:
        """Return room for magnitudes, or for spectra if there are two parts."""
        pairs = self.groups * self.segment // 2
        return _zeros(batch, pairs, bins, 2, parts, self.width)

    def unpack(self, waves: Tensor) -> Tensor:
        """Make (batch, samples) of waves in lanes."""
        own = waves[:, :, : self.segment * self.hop]
        return own.transpose(2, 3).reshape(len(waves), -1)

    def place(self, sample: Tensor) -> Tensor:
        """Return where samples of an item are in its lanes."""
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
    frames = -(-samples // g.hop_length)
    least = -(-max(0, support - g.hop_length) // g.hop_length)
    best: tuple[float, Layout] | None = None
    for width in widths:
        for groups in sorted({1, threads}):
            segment = max(-(-frames // (groups * width)), least)
            segment = -(-segment // (2 * turns)) * 2 * turns
            # threads share the groups of an item, or have items of their own
            rounds = batch if groups > 1 else -(-batch // threads)
            time = rounds * _TIME[width] * (segment + _OVERLAP * least)
            if best is None or time < best[0]:
                best = time, Layout(width, groups, segment, turns, g.hop_length, support)
    assert best is not None
    return best[1]


def window_part(stft: STFT) -> tuple[int, int]:
    """Return which samples of a frame are transformed; sample 0 of the lanes is the first one."""
    g = stft.geometry
    begin, end = support_of(g.window, g.hop_length)
    # samples of the waveform before that may be seen through their copies
    return (min(begin, g.padding) if g.center else begin), end


def _zeros(*shape: int) -> Tensor:
    """Return zeros on a CPU, in memory that is aligned as registers are."""
    return torch.zeros(*shape, dtype=torch.float32, device="cpu")
