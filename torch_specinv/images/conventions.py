r"""How the values of a spectrogram were made grey values, and how to undo it.

.. math:: v = \frac{\frac{20}{p} \log_{10}(Y / m) - a}{b - a} \qquad \text{or} \qquad v = (Y / m)^q

with magnitudes (p = 1) or powers (p = 2) Y, a level m, decibels from a to b, or an exponent q.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TypedDict

from torch import Tensor

from ..errors import SpecInvError, check_choice, check_keywords, warn
from ..transform.geometry import ConventionWarning

#: What the channels of a picture can hold.
CHANNELS = ("grey", "stereo")

_RANGE = (-80.0, 0.0)


class ImageKeywords(TypedDict, total=False):
    """The fields of :class:`ImageSpec`, as keywords."""

    range_db: tuple[float, float] | None
    exponent: float | None
    max_value: float
    power: float
    flip: bool
    invert_colors: bool
    channels: str
    cmap: str | None


@dataclass(frozen=True)
class ImageSpec:
    r"""The conventions of a spectrogram image.

    Grey values v go from 0, black, to 1, white: 0 to 255 in a picture of 8 bits, 0 to 65535 in one
    of 16 bits.

    Parameters
    ----------
    range_db : tuple of float, optional
        The decibels (a, b) of black and of white. A value of the spectrogram is then
        :math:`Y = m \, 10^{(a + (b - a) v) p / 20}`. What was below a can't be restored, and is
        left at a. Default: (-80, 0), unless there is an exponent.
    exponent : float, optional
        Of a power law instead: :math:`v = (Y / m)^q`, more than 0.
    max_value : float, default 1.0
        The level m: the value of 0 dB or, with an exponent, that of white. More than 0. It scales
        the sound and nothing else.
    power : float, default 1.0
        What the decibels are of: 1, magnitudes (20 log10); 2, powers (10 log10).
    flip : bool, default True
        Whether low frequencies are at the bottom of the picture.
    invert_colors : bool, default False
        Whether black is loud: v is 1 minus what the picture holds.
    channels : str, default "grey"
        "grey": one channel, or three equal ones. "stereo": the left channel in green, the right one
        in blue, and nothing in red.
    cmap : str, optional
        Matplotlib's name of a colour map, such as "magma", whose lightness only rises or only
        falls: the picture holds v in its colours.

    Raises
    ------
    SpecInvError
        If a value is not what it should be, or two of them contradict each other.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.images import ImageSpec
    >>> half = ImageSpec(range_db=(-80, 0)).restore(torch.tensor(0.5))
    >>> print(f"{half:.4f}")  # -40 dB
    0.0100
    """

    range_db: tuple[float, float] | None = None
    exponent: float | None = None
    max_value: float = 1.0
    power: float = 1.0
    flip: bool = True
    invert_colors: bool = False
    channels: str = "grey"
    cmap: str | None = None

    def __post_init__(self) -> None:
        if self.range_db is not None:
            object.__setattr__(self, "range_db", _check_range(self.range_db))
            if self.exponent is not None:
                raise SpecInvError(
                    f"range_db={self.range_db} and exponent={self.exponent!r}: a picture has "
                    "decibels or a power law, so one of them has to be None."
                )
        for name in ("exponent", "max_value", "power"):
            number = getattr(self, name)
            if name == "exponent" and number is None:
                continue
            if not (_is_number(number) and number > 0):
                raise SpecInvError(f"{name}={number!r}: expected a finite number of more than 0.")
        if self.exponent is not None and self.power != 1:
            raise SpecInvError(
                f"power={self.power!r} is of decibels: with exponent={self.exponent!r} leave it "
                "out. Values come back as what was raised to the exponent."
            )
        for name in ("flip", "invert_colors"):
            if not isinstance(getattr(self, name), bool):
                raise SpecInvError(f"{name}={getattr(self, name)!r}: expected True or False.")
        check_choice("channels", self.channels, CHANNELS)
        if self.cmap is not None and not isinstance(self.cmap, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise SpecInvError(f"cmap={self.cmap!r}: expected matplotlib's name of a map, a str.")
        if self.cmap is not None and self.channels != "grey":
            raise SpecInvError(
                f"cmap={self.cmap!r} and channels={self.channels!r}: the colours of a picture can "
                "hold a map or two channels, not both."
            )

    @classmethod
    def read(cls, conventions: ImageSpec | None, changes: ImageKeywords) -> ImageSpec:
        """Return conventions, those of the defaults if there are none, with fields changed."""
        check_keywords(changes, [field.name for field in fields(cls)])
        if conventions is not None and not isinstance(conventions, cls):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise SpecInvError(
                f"conventions={conventions!r}: expected an ImageSpec, such as "
                "torch_specinv.images.RIFFUSION, or keywords."
            )
        return replace(conventions or cls(), **changes)

    @property
    def decibels(self) -> tuple[float, float]:
        """What black and white are, where there is no exponent."""
        return self.range_db or _RANGE

    def restore(self, values: Tensor) -> Tensor:
        """Return the spectrogram, not negative, of grey values in [0, 1] of the same shape."""
        if self.invert_colors:
            values = 1 - values
        if self.exponent is not None:
            return self.max_value * values ** (1 / self.exponent)
        low, high = self.decibels
        return self.max_value * 10 ** ((low + (high - low) * values) * (self.power / 20))

    def record(self, spec: Tensor) -> Tensor:
        """Return grey values in [0, 1] of a spectrogram of the same shape, without gradient."""
        spec = spec.detach() / self.max_value
        self._check_level(float(spec.max()))
        if self.exponent is not None:
            values = spec**self.exponent
        else:
            low, high = self.decibels
            least = 10 ** (low * self.power / 20)
            values = (spec.clamp_min(least).log10() * (20 / self.power) - low) / (high - low)
        values = values.clamp(0, 1)
        return 1 - values if self.invert_colors else values

    def _check_level(self, peak: float) -> None:
        """Warn of a spectrogram that does not fit, which is one of another level."""
        if peak == 0:
            return
        shown = peak * self.max_value
        if self.exponent is not None:
            if peak > 1 + 1e-6:
                warn(
                    f"the spectrogram reaches {shown:.4g}, but white is {self.max_value:.4g}: what "
                    f"is louder is cut off. Pass max_value={shown:.6g} or more.",
                    ConventionWarning,
                )
            return
        low, high = self.decibels
        top = 20 / self.power * math.log10(peak)
        if not low < top <= high + 1e-4:
            kept = "what is louder is cut off" if top > high else "all of the picture is black"
            warn(
                f"the spectrogram reaches {top:.1f} dB, but range_db={self.decibels}: {kept}. Pass "
                f"max_value={shown:.6g}, its greatest value, which is 0 dB then, or another range.",
                ConventionWarning,
            )


def _check_range(given: object) -> tuple[float, float]:
    """Return the decibels of black and of white."""
    try:
        low, high = map(float, given)  # type: ignore[arg-type] # pyright: ignore
    except (TypeError, ValueError):
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise SpecInvError(
            f"range_db={given!r}: expected two finite numbers, of black and of white, the first "
            "below the second, such as (-80, 0). Where black is loud: invert_colors=True."
        )
    return low, high


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


#: The pictures of riffusion: power law, black is loud. Its waveforms were 16 bit integers, which is
#: why values are large. Stereo ones: ``channels="stereo"``.
RIFFUSION = ImageSpec(exponent=0.25, max_value=30e6, invert_colors=True)
