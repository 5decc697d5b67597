"""Filters that weight waveforms as the ear does, for use before a loss."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..checks import lift
from ..errors import SpecInvError, check_choice, check_count, check_number, shown
from ..tensors import Numbers, any_tensor, as_tensor
from ..transform.sizes import bin_count
from .spellings import by_name

# Corner frequencies of the A-weighting in Hz, and its gain at 1 kHz in dB without the last factor
_CORNERS = (20.598997, 107.65265, 737.86223, 12194.217)
_GAIN_AT_1000 = 1.9997
# The response of the lowest corner has faded after this share of a second.
_TAIL = 1 / 40
# From so many taps on, filtering with the FFT is quicker than a convolution.
_LONG = 64
# What auraloss calls them.
_SHORT = {"hp": "highpass", "fd": "folded_differentiator", "aw": "a_weighting"}


def a_weighting(frequencies: Numbers) -> Tensor:
    r"""Return the gain of the A-weighting of IEC 61672.

    .. math::

        A(f) = 10^{1.9997 / 20} \frac{f_4^2 f^4}{(f^2 + f_1^2) \sqrt{(f^2 + f_2^2)(f^2 + f_3^2)}
        \, (f^2 + f_4^2)}

    Parameters
    ----------
    frequencies : Tensor
        In Hz, of any shape.

    Returns
    -------
    Tensor
        Factors of the amplitude, 1 at 1 kHz.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import a_weighting
    >>> (20 * a_weighting(torch.tensor([100.0, 1000.0])).log10()).round(decimals=1)
    tensor([-19.1000,   0.0000])
    """
    frequencies = any_tensor(frequencies, "frequencies")
    if frequencies.is_complex() or frequencies.dtype is torch.bool:
        raise SpecInvError(f"frequencies has dtype {frequencies.dtype}: expected real numbers, Hz.")
    if not frequencies.is_floating_point():
        frequencies = frequencies.to(torch.get_default_dtype())
    frequencies = as_tensor(frequencies, "frequencies")
    f1, f2, f3, f4 = (corner**2 for corner in _CORNERS)
    f = lift(frequencies).square()
    gain = f4 * f.square() / ((f + f1) * ((f + f2) * (f + f3)).sqrt() * (f + f4))
    return (gain * 10 ** (_GAIN_AT_1000 / 20)).to(frequencies.dtype)


class FIRFilter(torch.nn.Module):
    r"""A filter that brings out what is heard, for the `weighting` of other losses.

    "highpass" is :math:`x_n - c \, x_{n-1}`, "folded_differentiator" :math:`x_n - c \, x_{n-2}`,
    and "a_weighting" the A-weighting with linear phase, without delay. The output is as long as
    the input, which is continued by silence.

    Parameters
    ----------
    kind : str, default "highpass"
        "highpass", "folded_differentiator" or "a_weighting".
    coefficient : float, default 0.85
        :math:`c` of the first two; this value is meant for 44.1 kHz.
    sr : int, default 44100
        Sample rate in Hz, of the A-weighting.
    taps : int, optional
        Of the A-weighting, odd. Default: a fortieth of a second, which is within 0.1 dB from 50
        Hz to 16 kHz. Fewer are coarser at low frequencies: at 44.1 kHz 401 taps are within 0.4
        dB, 101 within 12, which is what a filter that short can do at 50 Hz.

    Attributes
    ----------
    taps : Tensor
        The impulse response, a buffer, float32. Waves in float64 are filtered in their precision.

    Raises
    ------
    SpecInvError
        If the kind is unknown, or the number of taps is even.

    References
    ----------
    - Wright, Välimäki: "Perceptual loss function for neural modeling of audio systems", 2020.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import FIRFilter, esr_loss
    >>> FIRFilter()(torch.ones(4))
    tensor([1.0000, 0.1500, 0.1500, 0.1500])
    >>> esr = esr_loss(torch.zeros(9), torch.ones(9), weighting=FIRFilter("a_weighting", sr=16000))
    """

    taps: Tensor
    _rest: Tensor

    @by_name
    def __init__(
        self,
        kind: str = "highpass",
        *,
        coefficient: float = 0.85,
        sr: int = 44100,
        taps: int | None = None,
    ) -> None:
        super().__init__()
        if isinstance(kind, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            kind = _SHORT.get(kind, kind)
        self.kind = check_choice("kind", kind, ("highpass", "folded_differentiator", "a_weighting"))
        check_number("coefficient", coefficient)
        check_count("sr", sr)
        if kind == "a_weighting":
            response = _design(sr, taps)
            self._delay = len(response) // 2
        else:
            if taps is not None:
                raise SpecInvError(f"taps={shown(taps)}: {kind} has a fixed number of them.")
            response = torch.tensor(
                [1.0, -coefficient] if kind == "highpass" else [1.0, 0.0, -coefficient],
                dtype=torch.float64,
            )
            self._delay = 0
        # in two parts, as not every device has float64
        rounded = response.float()
        self.register_buffer("taps", rounded)
        self.register_buffer("_rest", (response - rounded).float(), persistent=False)

    def forward(self, wave: Numbers) -> Tensor:
        """Filter waves (..., samples)."""
        wave = as_tensor(wave, "wave")
        if wave.is_complex() or wave.ndim == 0 or wave.numel() == 0:
            raise SpecInvError(
                f"wave has shape {tuple(wave.shape)} and dtype {wave.dtype}: expected real "
                "(..., samples)."
            )
        return self._filter(lift(wave)).to(wave.dtype)

    def _filter(self, wave: Tensor) -> Tensor:
        """Filter waves in single or double precision."""
        taps, samples = self.taps.to(wave), wave.shape[-1]
        if wave.dtype == torch.float64:
            taps = taps + self._rest.to(wave)
        if len(taps) < _LONG:
            flat = wave.reshape(-1, 1, samples)
            padded = torch.nn.functional.pad(flat, (len(taps) - 1 - self._delay, self._delay))
            # torch's convolution does not turn the kernel around, and autocast would round both
            with torch.autocast(wave.device.type, enabled=False):
                filtered = torch.nn.functional.conv1d(padded, taps.flip(0)[None, None])
            return filtered.reshape(wave.shape)
        size = 1 << (samples + len(taps) - 2).bit_length()
        product = torch.fft.rfft(wave, size) * torch.fft.rfft(taps, size)
        return torch.fft.irfft(product, size)[..., self._delay : self._delay + samples]

    def extra_repr(self) -> str:
        """Tell the kind and the length."""
        return f"{self.kind}, {len(self.taps)} taps"


def _design(sr: int, taps: int | None) -> Tensor:
    """Return the impulse response whose spectrum is the A-weighting, cut to `taps`."""
    if taps is None:
        taps = 2 * math.ceil(sr * _TAIL / 2) + 1
    if check_count("taps", taps) % 2 == 0:
        raise SpecInvError(f"taps={taps}: expected an odd number, for a delay of whole samples.")
    # sampled so densely that the response does not wrap into itself
    size = 1 << (8 * max(taps, int(sr * _TAIL))).bit_length()
    frequencies = torch.arange(bin_count(size), dtype=torch.float64) * (sr / size)
    response = torch.fft.irfft(a_weighting(frequencies), size)
    return torch.cat([response[-(taps // 2) :], response[: taps // 2 + 1]])[-taps:]
