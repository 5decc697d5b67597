r"""What somebody's recipe did to a magnitude, and how to undo it.

.. math:: Y = B |S|^p , \qquad \text{recorded} = \frac{\log_b \max(Y + o, c) - s}{d}

with the mel bank B, a power p, an offset o, a clamp c, and a shift and a scale.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..errors import SpecInvError, check_choice, check_count
from ..transform.filter_banks import mel_scale

#: The logarithms by name, and the factor between the natural logarithm and each of them.
LOGS = {"ln": 1.0, "log10": 1 / math.log(10), "log2": 1 / math.log(2), "dB": 10 / math.log(10)}


@dataclass(frozen=True)
class MelSpec:
    """The conventions of a mel spectrogram.

    Parameters
    ----------
    sr : int
        Sample rate in Hz.
    fmin : float, default 0.0
        Lower edge of the lowest band in Hz.
    fmax : float, optional
        Upper edge of the highest band in Hz. Default: half the sample rate.
    htk : bool, default False
        HTK's formula of the mel scale instead of Slaney's.
    norm : str, optional
        "slaney" (default) divides bands by their width, None does not.
    power : float, default 1.0
        Of the magnitudes before they are added up: 1, or 2 for a power spectrogram.
    log : str, optional
        "ln", "log10", "log2", "dB" (of powers: 10 log10; of magnitudes: 20 log10), or "log1p", the
        natural logarithm of 1 + Y. Default: none.
    clamp : float, default 0.0
        The least value before the logarithm. What was below it can't be restored, and is left at
        it.
    offset : float, default 0.0
        Added before the logarithm instead.
    reach : float, optional
        The dynamic range that is kept, in the unit of the logarithm: values further below the
        greatest one of an array are raised to that level, and can't be restored either. Default:
        all is kept.
    shift, scale : float, default 0.0 and 1.0
        Subtracted from the logarithm, and what the rest was divided by.

    Raises
    ------
    SpecInvError
        If a number is not what it should be, or the logarithm is unknown.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.mel import MelSpec
    >>> mel = MelSpec(22050, fmax=8000, log="ln", clamp=1e-5)
    >>> magnitude = torch.rand(513, 7, generator=torch.manual_seed(0))
    >>> recorded = mel.record(magnitude, 80)
    >>> recorded.shape
    torch.Size([80, 7])
    >>> bool(torch.allclose(mel.restore(recorded), mel.bank(1024, 80) @ magnitude))
    True
    """

    sr: int
    fmin: float = 0.0
    fmax: float | None = None
    htk: bool = False
    norm: str | None = "slaney"
    power: float = 1.0
    log: str | None = None
    clamp: float = 0.0
    offset: float = 0.0
    reach: float | None = None
    shift: float = 0.0
    scale: float = field(default=1.0)

    def __post_init__(self) -> None:
        check_count("sr", self.sr)
        if self.log is not None:
            check_choice("log", self.log, [*LOGS, "log1p"])
        if self.norm not in ("slaney", None):
            raise SpecInvError(f"norm={self.norm!r}: expected 'slaney' or None.")
        if not self.power > 0 or self.scale == 0:
            raise SpecInvError(
                f"power={self.power!r}, scale={self.scale!r}: expected a positive power and a "
                "scale other than 0."
            )
        if self.reach is not None and not (self.log and self.reach > 0):
            raise SpecInvError(f"reach={self.reach!r}: expected more than 0, and a logarithm.")
        top = self.sr / 2 if self.fmax is None else self.fmax
        if not 0 <= self.fmin < top <= self.sr / 2:
            raise SpecInvError(
                f"fmin={self.fmin}, fmax={self.fmax} at sr={self.sr}: expected 0 <= fmin < fmax <= "
                f"{self.sr / 2:g}, half the sample rate."
            )

    def bank(self, n_fft: int, n_mels: int) -> Tensor:
        """Return the filter bank, shape (n_mels, n_fft // 2 + 1), float32."""
        with warnings.catch_warnings():
            # MelBands warns of empty bands, where they matter
            warnings.filterwarnings("ignore", "Empty filters")
            return mel_scale(
                self.sr, n_fft, n_mels, fmin=self.fmin, fmax=self.fmax, htk=self.htk, norm=self.norm
            )

    def record(self, magnitude: Tensor, n_mels: int) -> Tensor:
        """Return the mel spectrogram (..., n_mels, frames) of a magnitude (..., bins, frames)."""
        n_fft = 2 * (magnitude.shape[-2] - 1)
        mel = self.bank(n_fft, n_mels).to(magnitude) @ magnitude**self.power
        if self.log == "log1p":
            mel = torch.log1p(mel)
        elif self.log is not None:
            mel = torch.log((mel + self.offset).clamp_min(self.clamp)) * self.unit
        if self.reach is not None:
            mel = mel.maximum(mel.amax((-2, -1), keepdim=True) - self.reach)
        return (mel - self.shift) / self.scale

    def restore(self, mel: Tensor) -> Tensor:
        """Return the linear mel spectrogram of the same shape, not negative."""
        mel = mel * self.scale + self.shift
        if self.log == "log1p":
            return torch.expm1(mel).clamp_min(0)
        if self.log is not None:
            return (torch.exp(mel / self.unit) - self.offset).clamp_min(0)
        return mel

    @property
    def unit(self) -> float:
        """The factor between the natural logarithm of the sums and the recorded logarithm."""
        unit = LOGS.get(self.log or "ln", 1.0)
        return unit * 2 / self.power if self.log == "dB" else unit
