"""A batch of waveforms of different lengths, padded with zeros, transformed as if each were alone.

Items differ in where the signal ends, so in what is padded there, in how many frames there are,
and in the envelope. Only these edges are indexed; the transforms are those of the whole batch.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Unpack

import torch
from torch import Tensor

from ..checks import check_spectrogram
from ..errors import SpecInvError
from ..tensors import Numbers, any_tensor, as_tensor
from .edges import Coverage
from .frames import resize
from .geometry import Geometry, STFTKeywords
from .padding import check_padding
from .read_geometry import read_geometry
from .stft import ALL_FRAMES, STFT

# From this hop on, two samples a frame are too few even for a batch with much padding
_LARGE_HOP = 32


class RaggedSTFT(STFT):
    """A transform of waves of different lengths, padded with zeros to (batch, longest).

    Frames behind an item's last one are zero, in analysis and in synthesis.

    Parameters
    ----------
    geometry : Geometry
        The transform of the longest item.
    lengths : Tensor
        Samples of each wave, shape (batch,), int64.
    waves_per_item : int, default 1
        How many of the waves, one after the other, are an item: the sources of a mixture.
    """

    def __init__(self, geometry: Geometry, lengths: Tensor, waves_per_item: int = 1) -> None:
        # not STFT.__init__: there is an envelope for each item
        self.geometry = g = geometry
        self._each = waves_per_item
        self._lengths = lengths
        samples = torch.arange(g.length, device=lengths.device)
        self._inside = samples < lengths[:, None]
        count = 1 + (lengths + 2 * g.padding - g.span) // g.hop_length
        frames = torch.arange(g.frames, device=lengths.device)
        self.frame_mask: Tensor = frames < count[:, None]  # pyright: ignore[reportIncompatibleVariableOverride]
        if g.padding and g.pad_mode != "constant":
            self._left, self._right, self._behind = self._sources()
        power = g.window.abs().square() * self.frame_mask.unsqueeze(-1)
        self._see(self._gather(power), lengths.argmax(0, keepdim=True))

    def _without(self, middle: slice) -> RaggedSTFT:
        # items end before it or behind it
        begin, end = (edge * self.geometry.hop_length for edge in (middle.start, middle.stop))
        lengths = self._lengths.clamp_max(begin) + (self._lengths - end).clamp_min(0)
        return RaggedSTFT(self.geometry.without(middle), lengths, self._each)

    def analyse_padded(self, padded: Tensor, frames: slice) -> Tensor:
        """Transform frames of waves as :meth:`pad` returns them to (batch, bins, frames)."""
        return super().analyse_padded(padded, frames) * self.frame_mask[:, None, frames]

    def synthesise(
        self, spectrum: Numbers, frames: slice = ALL_FRAMES, *, suppress_edge_noise: bool = False
    ) -> Tensor:
        """Return the waves (batch, longest) whose transform is nearest."""
        spectrum = as_tensor(spectrum, "spectrum", self.frame_mask.device)
        rows = spectrum.reshape(-1, *spectrum.shape[-2:])
        present = (rows * self.frame_mask[:, None, frames]).view_as(spectrum)
        return super().synthesise(present, frames, suppress_edge_noise=suppress_edge_noise)

    def lengths_and_last_frames(self, batch: int) -> tuple[Tensor, Tensor]:
        """Return the length and the number of the last frame of each item."""
        return self._lengths, self.frame_mask.sum(1) - 1

    def cut(self, padded: Tensor, silent: int = 0) -> Tensor:
        """Cut overlap-added frames to the waveforms, without folding."""
        return torch.where(self._inside, super().cut(padded, silent), 0)

    def select(self, items: Tensor) -> RaggedSTFT:
        """Return the transform for some items of the batch."""
        ends = None if self._ends is None else self._ends.select(items)
        if self._each > 1:
            rows = torch.arange(len(self._lengths), device=self._lengths.device)
            items = rows.view(-1, self._each)[items].flatten()
        chosen = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(chosen, name, value[items])
        if self._coverage is not None:
            chosen._coverage = Coverage(*(part[items] for part in self._coverage))
        chosen._ends = ends
        return chosen

    def pad(self, wave: Tensor) -> Tensor:
        """Continue waves (batch, longest) beyond their own ends."""
        g = self.geometry
        p = g.padding
        wave = torch.where(self._inside, wave, 0)
        padded = torch.nn.functional.pad(wave, (p, p))
        if p and g.pad_mode != "constant":
            padded = torch.cat([wave.gather(1, self._left), padded[:, p:]], 1)
            padded = padded.scatter(1, self._behind, wave.gather(1, self._right))
        return resize(padded, (g.frames - 1) * g.hop_length + g.n_fft)

    def fill_ends_(self, padded: Tensor) -> None:
        """Do what :meth:`pad` does, in place."""
        g = self.geometry
        whole = self.pad(padded[:, g.padding : g.padding + g.length])
        padded[:, : whole.shape[-1]] = whole
        padded[:, whole.shape[-1] :] = 0

    def fold_ends_(self, added: Tensor) -> None:
        """Do the folding of :meth:`merge` in place."""
        g = self.geometry
        added[:, g.padding : g.padding + g.length] = self._fold(added)

    def _fold(self, added: Tensor) -> Tensor:
        g = self.geometry
        p, padded = g.padding, resize(added, g.padded_length)
        wave = torch.where(self._inside, padded[:, p : p + g.length], 0)
        if p and g.pad_mode != "constant":
            wave = wave.scatter_add(1, self._left, padded[:, :p])
            wave = wave.scatter_add(1, self._right, padded.gather(1, self._behind))
        return wave

    def _sources(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return which samples are copied before and behind each item, and where the latter go."""
        p, end = self.geometry.padding, self._lengths[:, None]
        j = torch.arange(p, device=end.device).expand(len(end), p)
        behind = end + p + j
        if self.geometry.pad_mode == "reflect":
            return p - j, end - 2 - j, behind
        if self.geometry.pad_mode == "circular":
            return end - p + j, j, behind
        return torch.zeros_like(j), (end - 1).expand_as(j), behind


def ragged_stft(
    spec: Tensor,
    lengths: Numbers,
    *,
    whole: bool = True,
    waves_per_item: int = 1,
    **stft_kwargs: Unpack[STFTKeywords],
) -> tuple[RaggedSTFT, Tensor]:
    """Build the transform of a padded batch; return it with the spectrogram's padding zeroed.

    Parameters
    ----------
    spec : Tensor
        Shape (batch, bins, frames). What lies behind the last frame of an item is ignored.
    lengths : Tensor, or a sequence of int
        Samples of each item's waveform, shape (batch,).
    whole : bool, default True
        Whether these are all items of a batch; part of one may lack the long ones.
    waves_per_item : int, default 1
        How many of the spectrograms, one after the other, have one length.
    **stft_kwargs
        The keywords of :func:`torch.stft`, with its defaults.

    Raises
    ------
    SpecInvError
        If the lengths do not fit the spectrogram, or one of the other arguments is wrong.
    """
    bins, frames = spec.shape[-2:]
    # the default length of centred frames may be too short to pad: it is not the one used here
    g = read_geometry(bins, frames, spec.dtype, spec.device, None, stft_kwargs, check_pad=False)
    shortest = g.span - 2 * g.padding
    each = waves_per_item
    batch = len(spec) // each
    counts = read_lengths(lengths, batch, frames, g.hop_length, shortest, whole=whole)
    for length in sorted(set(counts)):
        if g.center:
            _check_padding(length, counts.index(length), g)
    ends = torch.tensor(counts, device=spec.device).repeat_interleave(each)
    stft = RaggedSTFT(replace(g, length=max(counts)), ends, each)
    spec = torch.where(stft.frame_mask.unsqueeze(1), spec, 0)
    check_spectrogram(spec)
    return stft, spec


def _check_padding(length: int, item: int, g: Geometry) -> None:
    """Raise if an item is too short to be padded, and say which."""
    try:
        check_padding(length, g.padding, g.pad_mode, range(length, length + 1))
    except SpecInvError as error:
        raise SpecInvError(
            f"lengths[{item}]={length}: {error} Lengths count samples, not frames."
        ) from None


def read_lengths(
    lengths: Numbers,
    batch: int,
    frames: int,
    hop_length: int,
    shortest: int,
    *,
    whole: bool = True,
) -> list[int]:
    """Check the lengths against the batch and against the frames there are.

    `shortest` is the least length that makes a frame, `whole` that of :func:`ragged_stft`.
    """
    counts = read_counts(lengths, batch)
    # so few samples for each frame are those of an array that is nearly all padding
    few = frames if hop_length < _LARGE_HOP else 2 * frames
    if whole and max(counts) <= few and min(counts) > 0 and hop_length > 1:
        raise SpecInvError(
            f"lengths reach {max(counts)} at most, for {frames} frames at "
            f"hop_length={hop_length}: they count samples, not frames."
        )
    least, most = max(shortest, 1), hop_length * frames + shortest - 1
    for item, length in enumerate(counts):
        if not least <= length <= most:
            raise SpecInvError(
                f"lengths[{item}]={length}: {frames} frames at hop_length={hop_length} hold "
                f"waveforms of {least} to {most} samples. Lengths count samples, not frames."
            )
    return counts


def read_counts(lengths: Numbers, batch: int) -> list[int]:
    """Return the lengths as a list: whole numbers, one for each item."""
    given = any_tensor(lengths, "lengths")
    if given.is_floating_point() or given.is_complex() or given.dtype == torch.bool:
        raise SpecInvError(f"lengths has dtype {given.dtype}: expected whole numbers of samples.")
    if given.numel() != batch:
        raise SpecInvError(
            f"lengths has shape {tuple(given.shape)}: expected one length for each of the "
            f"{batch} items of the batch."
        )
    return given.flatten().tolist()
