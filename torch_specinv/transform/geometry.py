"""The numbers of one STFT, under the names that torch.stft has for them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TypedDict

import torch
from torch import Tensor

from ..forks import cached_property
from .named_windows import Window
from .windows import WindowShape


class STFTKeywords(TypedDict, total=False):
    """The keywords of torch.stft, with its defaults; see :class:`torch_specinv.STFT`."""

    n_fft: int | None
    hop_length: int | None
    win_length: int | None
    window: Window | None
    center: bool
    pad_mode: str
    normalized: bool
    onesided: bool | None
    return_complex: bool | None
    window_align: str


#: Where in the n_fft samples of a frame a shorter window lies.
WINDOW_ALIGNS = ("center", "start")

STFT_KEYWORDS = frozenset(STFTKeywords.__annotations__)


class ConventionWarning(UserWarning):
    """The input is valid, but probably not what was meant."""


@dataclass(frozen=True, eq=False)
class Geometry:
    """The numbers of one STFT, consistent with each other and with a spectrogram.

    Attributes
    ----------
    n_fft : int
        Samples of a frame.
    hop_length : int
        Samples from one frame to the next.
    win_length : int
        Samples of the window as the user gave it.
    window : Tensor
        Shape (n_fft,), in the dtype of the computation. A shorter window is padded with zeros.
    window_align : str
        Where in a frame a shorter window lies: "center", as in torch, with zeros on both sides, or
        "start", as in scipy, TensorFlow and Kaldi, with zeros behind it.
    center : bool
        Whether frames are centred, for which `padding` samples are added at both ends.
    pad_mode : str
        How: "reflect", "constant", "replicate" or "circular".
    normalized : bool
        Whether spectra are divided by the root of n_fft.
    onesided : bool
        Whether spectra hold bins 0 to n_fft // 2 only, as those of real frames.
    bins, frames : int
        The shape of a spectrogram.
    length : int
        Samples of the waveform; of the longest one, where items have different lengths.
    """

    n_fft: int
    hop_length: int
    win_length: int
    window: Tensor
    window_align: str
    center: bool
    pad_mode: str
    normalized: bool
    onesided: bool
    bins: int
    frames: int
    length: int

    @cached_property
    def window_on_host(self) -> Tensor:
        """The window where its values can be looked at without waiting for a device."""
        return self.window.detach().cpu()

    @cached_property
    def window_shape(self) -> WindowShape:
        """What the window is like."""
        return WindowShape(self.window_on_host, self.hop_length)

    @cached_property
    def bin_weights(self) -> Tensor:
        """What :meth:`.stft.STFT.bin_weights` returns, made once."""
        weights = torch.ones(self.bins, 1, dtype=self.window.real.dtype, device=self.window.device)
        if self.onesided:
            weights[1 : (self.n_fft + 1) // 2] = 2
        return weights if self.normalized else weights / self.n_fft

    @property
    def span(self) -> int:
        """Samples of the signal that a frame reaches over; the others of n_fft are zeros."""
        return span_of(self.n_fft, self.win_length, self.window_align)

    @property
    def unpadded_window(self) -> Tensor:
        """The window as the user gave it, (win_length,)."""
        begin = zeros_before(self.win_length, self.n_fft, self.window_align)
        return self.window[begin : begin + self.win_length]

    @property
    def padding(self) -> int:
        """Samples added at each end before framing."""
        return self.span // 2 if self.center else 0

    @property
    def padded_length(self) -> int:
        """Samples of the waveform with its padding at both ends."""
        return self.length + 2 * self.padding

    def without(self, middle: slice) -> Geometry:
        """Return the transform of waves without some hops, and the frames that begin there."""
        hops = middle.stop - middle.start
        frames, length = self.frames - hops, self.length - hops * self.hop_length
        return replace(self, frames=frames, length=length)

    @property
    def numbers(self) -> tuple[int | bool | str, ...]:
        """All fields but the window. With the window they identify a geometry."""
        values = (getattr(self, field.name) for field in fields(self))
        return tuple(value for value in values if not isinstance(value, Tensor))

    def keywords(self) -> STFTKeywords:
        """Return the keywords of :meth:`torch_specinv.STFT.of` that describe this geometry."""
        return {
            "n_fft": self.n_fft,
            "hop_length": self.hop_length,
            "win_length": self.span,
            "window": self.window[: self.span],
            "window_align": self.window_align,
            "center": self.center,
            "pad_mode": self.pad_mode,
            "normalized": self.normalized,
            "onesided": self.onesided,
        }

    @property
    def norm(self) -> str:
        """The name that torch.fft has for this normalisation."""
        return "ortho" if self.normalized else "backward"


def span_of(n_fft: int, win_length: int, align: str) -> int:
    """Return how many samples of the signal a frame reaches over."""
    return win_length if align == "start" else n_fft


def zeros_before(win_length: int, n_fft: int, align: str) -> int:
    """Return with how many zeros a window begins that is shorter than n_fft."""
    return 0 if align == "start" else (n_fft - win_length) // 2
