"""From a spectrogram's shape and torch.stft's keywords to a consistent set of numbers."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, TypedDict

import torch
from torch import Tensor

from ..checks import MEL_BANDS, check_not_hidden, compute_dtype
from ..errors import SpecInvError, check_choice, check_count, check_keywords, check_switch, warn
from ..forks import cached_property
from .lengths import read_length
from .named_windows import Window, named_window, read_window
from .padding import PAD_MODES, check_padding
from .plausible import check_plausible, mel_hint
from .sizes import bin_count
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
        return _span(self.n_fft, self.win_length, self.window_align)

    @property
    def unpadded_window(self) -> Tensor:
        """The window as the user gave it, (win_length,)."""
        begin = _zeros_before(self.win_length, self.n_fft, self.window_align)
        return self.window[begin : begin + self.win_length]

    @property
    def padding(self) -> int:
        """Samples added at each end before framing."""
        return self.span // 2 if self.center else 0

    @property
    def padded_length(self) -> int:
        """Samples of the waveform with its padding at both ends."""
        return self.length + 2 * self.padding

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


def read_geometry(
    bins: int,
    frames: int,
    dtype: torch.dtype,
    device: torch.device,
    length: int | None,
    keywords: STFTKeywords,
    *,
    check_pad: bool = True,
) -> Geometry:
    """Check torch.stft's keywords against a spectrogram of `bins` x `frames` and complete them."""
    k = _read_keywords(keywords, device)
    window, onesided = k["window"], k["onesided"]
    n_fft = _read_n_fft(bins, frames, k.get("n_fft"), onesided, k)
    win_length = check_count("win_length", k.get("win_length", n_fft))
    if win_length > n_fft:
        raise SpecInvError(f"win_length={win_length} is larger than n_fft={n_fft}.")
    hop_length = check_count("hop_length", k.get("hop_length", max(n_fft // 4, 1)))
    if hop_length > win_length:
        raise SpecInvError(
            f"hop_length={hop_length} is larger than win_length={win_length}: samples between "
            "the frames would never be seen. Exchanged the two, or counted in another unit?"
        )
    center = k["center"]
    pad_mode = check_choice("pad_mode", k.get("pad_mode", "reflect"), PAD_MODES)
    align = k["window_align"]
    span = _span(n_fft, win_length, align)
    padding = span // 2 if center else 0
    least = hop_length * (frames - 1) + span - 2 * padding
    unsaid = length is None
    length = read_length(length, range(least, least + hop_length), frames, hop_length)
    if center and check_pad:
        check_padding(length, padding, pad_mode, range(least, least + hop_length))
    if unsaid and check_pad and least < 1 and hop_length + least > 2:
        warn(
            f"one frame of n_fft={n_fft}, centred, is that of any waveform of 1 to "
            f"{hop_length + least - 1} samples: one sample is returned. Pass length=, the number "
            "of samples that the spectrogram was made of.",
            ConventionWarning,
        )
    if "window" not in keywords:
        warn(
            f"no window given: pass the one of the analysis, usually window=torch.hann_window("
            f"{win_length}), or window='hann'. A rectangular window is used now, as by "
            "torch.stft, and the result will sound wrong if that was not the one (window=None "
            "says that it was).",
            ConventionWarning,
        )
    return Geometry(
        n_fft=n_fft,
        hop_length=hop_length,
        win_length=win_length,
        window=_pad_window(window, win_length, n_fft, align, dtype, device),
        window_align=align,
        center=center,
        pad_mode=pad_mode,
        normalized=k["normalized"],
        onesided=onesided,
        bins=bins,
        frames=frames,
        length=length,
    )


def spectrogram_size(length: int, device: torch.device, keywords: STFTKeywords) -> tuple[int, int]:
    """Return the bins and frames that a waveform of `length` samples has."""
    k = _read_keywords(keywords, device)
    n_fft = check_count("n_fft", k.get("n_fft"))
    hop_length = check_count("hop_length", k.get("hop_length", max(n_fft // 4, 1)))
    span = _span(n_fft, check_count("win_length", k.get("win_length", n_fft)), k["window_align"])
    padded = length + (span // 2 * 2 if k["center"] else 0)
    if padded < span or length < 1:
        raise SpecInvError(f"the wave has {length} samples, fewer than a frame of {span}.")
    return bin_count(n_fft, k["onesided"]), 1 + (padded - span) // hop_length


def _span(n_fft: int, win_length: int, align: str) -> int:
    """Return how many samples of the signal a frame reaches over."""
    return win_length if align == "start" else n_fft


def _zeros_before(win_length: int, n_fft: int, align: str) -> int:
    """Return with how many zeros a window begins that is shorter than n_fft."""
    return 0 if align == "start" else (n_fft - win_length) // 2


def _read_keywords(keywords: STFTKeywords, device: torch.device) -> dict[str, Any]:
    """Check names, window and switches; None stands for the default."""
    check_keywords(keywords, STFT_KEYWORDS)
    k: dict[str, Any] = {key: value for key, value in keywords.items() if value is not None}
    k["window"] = window = _check_window(k.get("window"), device)
    real = not (isinstance(window, Tensor) and window.is_complex())
    for name, default in (
        ("center", True),
        ("normalized", False),
        ("onesided", real),
        ("return_complex", True),
    ):
        k[name] = check_switch(name, k.get(name, default), ", as in torch.stft")
    k.setdefault("window_align", "center")
    check_choice("window_align", k["window_align"], WINDOW_ALIGNS)
    if k["onesided"] and not real:
        raise SpecInvError(
            "onesided=True with a complex window: its spectrum is not symmetric. "
            "Use onesided=False."
        )
    return k


def _read_n_fft(bins: int, frames: int, n_fft: Any, onesided: bool, k: dict[str, Any]) -> int:
    """Infer n_fft from the bins, or check the given one against them."""
    if n_fft is None:
        n_fft = max(2 * (bins - 1), 1) if onesided else bins
        if onesided:
            check_plausible(bins, frames, n_fft, k)
        return n_fft
    n_fft = check_count("n_fft", n_fft)
    expected = bin_count(n_fft, onesided)
    if bins == expected:
        return n_fft
    if frames == expected:
        cause = "The array is transposed: pass spec.mT."
    elif bins == bin_count(n_fft, not onesided):
        cause = f"Pass onesided={not onesided}."
    elif bins == expected - 1:
        cause = "The Nyquist bin was dropped? Append it, for example as zeros."
    elif bins in MEL_BANDS:
        cause = mel_hint(bins)
    else:
        cause = "Another n_fft was used to make this spectrogram?"
    raise SpecInvError(
        f"n_fft={n_fft} has {expected} bins, but spec has {bins} bins and {frames} frames. {cause}"
    )


def _check_window(window: Any, device: torch.device) -> Any:
    """Return None, a window as it is said by name, or a tensor (win_length,) on `device`."""
    window = read_window(window, device)
    if not isinstance(window, Tensor):
        return window
    if window.device != device:
        raise SpecInvError(
            f"window is on {window.device}, spec on {device}: use window.to(spec.device)."
        )
    check_not_hidden(
        "the values of the window say which samples can be restored",
        "call the function for one window after the other",
        window,
    )
    # one look, as a device has to be waited for
    if not bool(torch.isfinite(window).all() & (window != 0).any()):
        raise SpecInvError("window is all zeros or holds values that are not finite.")
    return window


def _pad_window(
    window: Any,
    win_length: int,
    n_fft: int,
    align: str,
    dtype: torch.dtype,
    device: torch.device,
) -> Tensor:
    """Return the window as n_fft samples in the dtype of the computation."""
    dtype = compute_dtype(dtype)
    if window is None:
        window = torch.ones(win_length, dtype=dtype, device=device)
    elif not isinstance(window, Tensor):
        window = named_window(window, win_length, dtype, device)
    if len(window) != win_length:
        raise SpecInvError(
            f"window has {len(window)} samples, but win_length={win_length}: has spec a bin too "
            f"many or too few? Otherwise pass win_length={len(window)} as well "
            "(torch.stft takes it to be n_fft)."
        )
    left = _zeros_before(win_length, n_fft, align)
    padded = torch.nn.functional.pad(window, (left, n_fft - win_length - left))
    return padded.to(dtype.to_complex() if window.is_complex() else dtype)
