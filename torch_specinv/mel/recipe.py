"""A whole recipe: from a waveform to the array that somebody holds, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import (
    SpecInvError,
    check_choice,
    check_count,
    check_positive,
    check_switch,
    shown,
)
from ..images import ImageSpec
from ..tensors import Numbers, as_tensor
from ..transform.geometry import WINDOW_ALIGNS, STFTKeywords
from ..transform.lengths import read_length
from ..transform.named_windows import WindowName, is_named, named_window, read_window
from ..transform.padding import PAD_MODES, reflect
from ..transform.ragged import read_lengths
from ..transform.sizes import bin_count
from ..transform.stft import STFT
from .conventions import MelSpec
from .emphasis import check_preemphasis, deemphasise, emphasise
from .ends import fade_ends
from .levels import Levels
from .scaling import SCALINGS, divisor, mirror_images


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
    overlap : int, optional
        What part of a window is shared with the next where there is no hop_length: 2 for a half, 8
        for an eighth, as in scipy.
    source : str
        Where the recipe is written down.
    center, pad_mode, normalized, window_align
        As of :func:`torch_specinv.invert`.
    window : str, float, or tuple of str and float, default "hann"
        The window's name, with its parameter if it has one.
    padding : int, default 0
        Samples that the recipe adds to each end of a waveform, by reflection, before it cuts frames
        that are not centred.
    scaling : str, optional
        "spectrum" if spectra were divided by the sum of the window, "psd" if their powers are
        densities per Hz, as in scipy. Then powers of inner bins stand for those of their mirror
        images too.
    sr : int, optional
        Sample rate in Hz, where the recipe has one. That of a MelSpec is taken from there.
    nyquist : bool, default True
        Whether the highest bin was kept.
    preemphasis : float, default 0.0
        The coefficient c of :math:`x_n - c \, x_{n-1}`, which was applied to the waveform.
    amplitude : float, default 1.0
        What the waveform was multiplied by: 32768 where it was of 16 bit integers.
    image : ImageSpec, optional
        How pictures of these spectrograms are drawn.

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
    overlap: int | None = None
    window: WindowName = "hann"
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
    image: ImageSpec | None = None

    def __post_init__(self) -> None:
        check_preemphasis(self.preemphasis)
        if self.scaling is not None:
            check_choice("scaling", self.scaling, SCALINGS)
        if isinstance(self.values, MelSpec):
            object.__setattr__(self, "sr", self.values.sr)
        for name in ("n_mels", "n_fft", "hop_length", "win_length", "overlap", "sr"):
            if getattr(self, name) is not None:
                check_count(name, getattr(self, name))
        check_count("padding", self.padding, least=0)
        for name in ("center", "normalized", "nyquist"):
            check_switch(name, getattr(self, name))
        check_choice("pad_mode", self.pad_mode, PAD_MODES)
        check_choice("window_align", self.window_align, WINDOW_ALIGNS)
        if not is_named(read_window(self.window)):
            raise SpecInvError(f"window={shown(self.window)}: expected the name of a window.")
        check_positive("amplitude", self.amplitude)

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
        self, rows: int | None = None, device: torch.device | None = None
    ) -> STFTKeywords:
        """Return the keywords of the STFT under an array of so many rows."""
        n_fft = self.n_fft
        if n_fft is None:
            assert rows is not None
            n_fft = max(2 * (rows - self.nyquist), 1)
        # without it, what speaks against the n_fft that follows from the bins can be said
        known = self.n_fft is not None or not self.nyquist
        return {
            "n_fft": n_fft if known else None,
            "hop_length": self.hop_length if self.overlap is None else self._hop_of(n_fft),
            "win_length": self.win_length,
            "window": self._window(n_fft, device),
            "window_align": self.window_align,
            "center": self.center,
            "pad_mode": self.pad_mode,
            "normalized": self.normalized,
        }

    def magnitude(self, spec: Tensor) -> Tensor:
        """Return the magnitude (..., bins, frames) that a linear array was made of.

        A complex one keeps its phase. The bin at half the sample rate, where it was dropped, is 0.
        """
        if spec.is_complex():
            if not self.values.is_plain:
                raise SpecInvError(
                    f"spec is complex, but {self.source} writes down real values: pass its "
                    "magnitude, or leave out preset."
                )
        else:
            spec = self.values.restore(spec)
            spec = spec / self._images(spec.shape[-2], spec)
            spec = spec if self.values.power == 1 else spec ** (1 / self.values.power)
        return spec if self.nyquist else torch.nn.functional.pad(spec, (0, 0, 0, 1))

    def record(self, wave: Numbers) -> Tensor:
        """Return what the recipe makes of waves.

        Parameters
        ----------
        wave : Tensor
            Shape (..., samples), in [-1, 1], at the recipe's sample rate.

        Returns
        -------
        Tensor
            Shape (..., rows, frames). Some sources pad or cut at the end and have a frame more or
            one less.

        Raises
        ------
        SpecInvError
            If the recipe leaves open n_fft or the number of bands, or a wave is too short.

        Examples
        --------
        >>> import torch
        >>> from torch_specinv.mel import preset
        >>> wave = torch.randn(16000, generator=torch.manual_seed(0)) / 10
        >>> preset("kaldi").record(wave).shape
        torch.Size([80, 98])
        """
        wave = as_tensor(wave, "wave")
        if wave.is_complex() or wave.numel() == 0:
            raise SpecInvError(
                f"wave has shape {tuple(wave.shape)} and dtype {wave.dtype}: expected real "
                "(..., samples)."
            )
        if self.n_fft is None or (self.is_mel and self.n_mels is None):
            raise SpecInvError(
                "n_fft or n_mels is not known: pass preset(..., n_fft=..., n_mels=...) to say it."
            )
        if wave.ndim == 0 or wave.shape[-1] <= self.padding:
            raise SpecInvError(
                f"wave has shape {tuple(wave.shape)}: expected (..., samples), more than the "
                f"{self.padding} by which it is padded."
            )
        wave = emphasise(wave * self.amplitude, self.preemphasis)
        if self.padding:
            flat = wave.reshape(-1, wave.shape[-1])
            wave = reflect(flat, self.padding).reshape(*wave.shape[:-1], -1)
        stft = STFT.of_wave(wave, **self.stft_keywords(device=wave.device))
        magnitude = stft(wave) / (self.gain(self.n_fft) * self.amplitude)
        if self.is_mel:
            assert self.n_mels is not None
            return self.mel.record(magnitude, self.n_mels)
        powers = magnitude**self.values.power
        powers = powers if self.nyquist else powers[..., :-1, :]
        return self.values.write(powers * self._images(powers.shape[-2], powers))

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
        self,
        wave: Tensor,
        n_fft: int | None = None,
        lengths: Tensor | None = None,
        window: Tensor | None = None,
    ) -> Tensor:
        """Undo what was done to waves (..., samples) before their STFT, and how it was scaled.

        `lengths` holds the samples of each item without the padding; what lies behind them is set
        to 0. By default all items are equally long. With `window`, that of the STFT, the ends are
        faded where frames that are not centred say next to nothing of them.
        """
        gain = self.gain(n_fft)
        wave = wave if gain == 1 else wave * gain
        window = None if self.center else window
        if window is not None:
            ends = None if lengths is None else lengths + 2 * self.padding
            wave = fade_ends(wave, window, self._hop_of(self.n_fft or n_fft or len(window)), ends)
        if self.padding:
            wave = wave[..., self.padding : wave.shape[-1] - self.padding]
        if self.preemphasis:
            wave = deemphasise(wave, self.preemphasis)
        if lengths is None or (window is None and not self.padding and not self.preemphasis):
            return wave
        place = torch.arange(wave.shape[-1], device=wave.device)
        ends = lengths.to(wave.device).reshape(*wave.shape[:-1], 1)
        return torch.where(place < ends, wave, 0)

    @property
    def _hop(self) -> int:
        assert self.n_fft is not None
        return self._hop_of(self.n_fft)

    def _hop_of(self, n_fft: int) -> int:
        if self.hop_length is not None:
            return self.hop_length
        span = self.win_length or n_fft
        return n_fft // 4 if self.overlap is None else span - span // self.overlap

    def _images(self, rows: int, like: Tensor) -> Tensor | float:
        whole = self.nyquist and (self.n_fft is None or self.n_fft % 2 == 0)
        doubled = self.scaling == "psd" and self.values.power == 2
        return mirror_images(rows, whole, like) if doubled else 1.0

    @property
    def _shortest(self) -> int:
        """The samples that, with the padding, make one frame."""
        assert self.n_fft is not None
        span = self.n_fft if self.window_align == "center" else self.win_length or self.n_fft
        return span - 2 * self.padding

    def _window(self, n_fft: int, device: torch.device | None = None) -> Tensor:
        # not every device has double precision
        exact = torch.float32 if device is not None and device.type == "mps" else torch.float64
        return named_window(self.window, self.win_length or n_fft, exact, device)

    def gain(self, n_fft: int | None) -> float:
        """Return what waves have to be multiplied by, if they have the spectra of the recipe."""
        if self.scaling is None:
            return 1 / self.amplitude
        length = self.win_length or self.n_fft or n_fft
        assert length is not None
        window = named_window(self.window, length, torch.float64)
        return divisor(self.scaling, window, self.sr) / self.amplitude
