"""A whole recipe: from a waveform to the array that somebody holds, and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import SpecInvError, check_choice
from ..transform.geometry import STFTKeywords, read_length
from ..transform.ragged import read_lengths
from ..transform.sizes import bin_count, real_bins
from ..transform.windows import named_window
from .conventions import MelSpec
from .emphasis import check_preemphasis, deemphasise
from .levels import Levels

#: What spectra may be divided by, beside the root of n_fft that torch.stft knows: the sum of the
#: window, as scipy.signal.stft does, or what makes them power spectral densities.
SCALINGS = ("spectrum", "psd")


@dataclass(frozen=True)
class Preset:
    r"""A spectrogram's values, its mel bank if it has one, and the STFT under it.

    Parameters
    ----------
    values : MelSpec or Levels
        The conventions of a mel spectrogram or, of a linear one, those of its values.
    n_mels : int or None
        Bands of a mel spectrogram; None for a linear one, or where any number will do.
    n_fft : int or None
        Samples of a frame; None where it follows from the bins.
    hop_length, win_length : int, optional
        Samples from frame to frame, and of the window. Default: n_fft // 4 and n_fft.
    source : str
        Where the recipe is written down.
    center, pad_mode, normalized, window_align
        As of :func:`torch_specinv.invert`.
    window : str, default "hann"
        The window's name.
    padding : int, default 0
        Samples that the recipe adds to each end of a waveform, by reflection, before it cuts frames
        that are not centred.
    scaling : str, optional
        "spectrum" if spectra were divided by the sum of the window, "psd" if powers were made
        densities per Hz, as in scipy.
    sr : int, optional
        Sample rate in Hz, where the recipe has one. That of a MelSpec is taken from there.
    nyquist : bool, default True
        Whether the highest bin was kept.
    preemphasis : float, default 0.0
        The coefficient c of :math:`x_n - c \, x_{n-1}`, which was applied to the waveform.
    amplitude : float, default 1.0
        What the waveform was multiplied by: 32768 where it was of 16 bit integers.

    Raises
    ------
    SpecInvError
        If a value is not what it should be.
    """

    values: Levels
    n_mels: int | None
    n_fft: int | None
    hop_length: int | None
    source: str
    _: KW_ONLY
    win_length: int | None = None
    window: str = "hann"
    window_align: str = "center"
    center: bool = True
    pad_mode: str = "reflect"
    normalized: bool = False
    scaling: str | None = None
    sr: int | None = None
    nyquist: bool = True
    padding: int = 0
    preemphasis: float = 0.0
    amplitude: float = 1.0

    def __post_init__(self) -> None:
        check_preemphasis(self.preemphasis)
        if self.scaling is not None:
            check_choice("scaling", self.scaling, SCALINGS)
        if isinstance(self.values, MelSpec):
            object.__setattr__(self, "sr", self.values.sr)
        if not self.amplitude > 0:
            raise SpecInvError(f"amplitude={self.amplitude!r}: expected more than 0.")

    @classmethod
    def plain(cls, sr: int | None = None, **stft: Any) -> Preset:
        """Return the recipe of a magnitude that was written down as it is."""
        n_fft, hop_length = stft.pop("n_fft", None), stft.pop("hop_length", None)
        return cls(Levels(), None, n_fft, hop_length, "as told", sr=sr, **stft)

    @property
    def is_mel(self) -> bool:
        """Whether bins were added up to bands."""
        return isinstance(self.values, MelSpec)

    @property
    def mel(self) -> MelSpec:
        """The conventions of the mel spectrogram."""
        if not isinstance(self.values, MelSpec):
            raise SpecInvError("this preset is one of linear spectrograms: it has no mel bank.")
        return self.values

    def bank(self) -> Tensor:
        """Return the filter bank (n_mels, bins) of a mel spectrogram."""
        assert self.n_fft is not None and self.n_mels is not None
        return self.mel.bank(self.n_fft, self.n_mels)

    @property
    def rows(self) -> int | None:
        """The number of rows of an array, where the recipe says so."""
        if self.is_mel:
            return self.n_mels
        return None if self.n_fft is None else bin_count(self.n_fft) - (not self.nyquist)

    def stft_keywords(
        self,
        rows: int | None = None,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> STFTKeywords:
        """Return the keywords of the STFT under an array of so many rows, its window in `dtype`."""
        n_fft = self._n_fft(rows)
        # without it, what speaks against the n_fft that follows from the bins can be said
        known = self.n_fft is not None or not self.nyquist
        return {
            "n_fft": n_fft if known else None,
            "hop_length": self.hop_length,
            "win_length": self.win_length,
            "window": named_window(self.window, self.win_length or n_fft, dtype, device),
            "window_align": self.window_align,
            "center": self.center,
            "pad_mode": self.pad_mode,
            "normalized": self.normalized,
        }

    def magnitude(self, spec: Tensor) -> Tensor:
        """Return the magnitude (..., bins, frames) that a linear array was made of.

        A complex one keeps its phase. The bin at half the sample rate, where it was dropped, is 0.
        """
        rows = spec.shape[-2]
        if spec.is_complex():
            if not self.values.is_plain:
                raise SpecInvError(
                    f"spec is complex, but {self.source} writes down real values: pass its "
                    "magnitude, or leave out preset."
                )
        else:
            spec = self.values.restore(spec)
            if self.scaling == "psd":  # inner bins stand for their mirror images as well
                halves = torch.full_like(spec[..., :1], 0.5)
                halves[..., [k for k in real_bins(self._n_fft(rows)) if k < rows], :] = 1
                spec = spec * halves
            spec = spec if self.values.power == 1 else spec ** (1 / self.values.power)
        return spec if self.nyquist else torch.nn.functional.pad(spec, (0, 0, 0, 1))

    def padded_length(self, length: int, frames: int) -> int:
        """Return the length of a waveform of `frames` frames with the padding of the recipe."""
        least = self._shortest + self._hop * (frames - 1)
        allowed = range(least, least + self._hop)
        return read_length(length, allowed, frames, self._hop) + 2 * self.padding

    def padded_lengths(self, lengths: Tensor | Sequence[int], batch: int, frames: int) -> list[int]:
        """Return these lengths for the items of a batch, each of at most `frames` frames."""
        counts = read_lengths(lengths, batch, frames, self._hop, self._shortest)
        return [count + 2 * self.padding for count in counts]

    def finish(
        self, wave: Tensor, n_fft: int | None = None, lengths: Tensor | None = None
    ) -> Tensor:
        """Undo what was done to waves (..., samples) before their STFT, and how it was scaled.

        `lengths` holds the samples of each item without the padding; what lies behind them is set
        to 0. By default all items are equally long.
        """
        gain = self._gain(n_fft) / self.amplitude
        wave = wave if gain == 1 else wave * gain
        if self.padding:
            wave = wave[..., self.padding : wave.shape[-1] - self.padding]
        if self.preemphasis:
            wave = deemphasise(wave, self.preemphasis)
        if lengths is None or not (self.padding or self.preemphasis):
            return wave
        place = torch.arange(wave.shape[-1], device=wave.device)
        ends = lengths.to(wave.device).reshape(*wave.shape[:-1], 1)
        return torch.where(place < ends, wave, 0)

    def _n_fft(self, rows: int | None) -> int:
        """Return the length of a frame, which follows from the rows where the recipe is silent."""
        if self.n_fft is not None:
            return self.n_fft
        assert rows is not None
        return max(2 * (rows - self.nyquist), 1)

    @property
    def _hop(self) -> int:
        assert self.n_fft is not None
        return self.n_fft // 4 if self.hop_length is None else self.hop_length

    @property
    def _shortest(self) -> int:
        """The samples that, with the padding, make one frame."""
        assert self.n_fft is not None
        span = self.n_fft if self.window_align == "center" else self.win_length or self.n_fft
        return span - 2 * self.padding

    def _gain(self, n_fft: int | None) -> float:
        """Return what spectra have to be multiplied by, to be those of torch.stft."""
        if self.scaling is None:
            return 1.0
        length = self.win_length or self.n_fft or n_fft
        assert length is not None
        window = named_window(self.window, length, torch.float64)
        if self.scaling == "spectrum":
            return float(window.sum())
        return math.sqrt((self.sr or 1) * float(window.square().sum()))
