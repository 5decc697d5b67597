r"""How magnitudes, or sums of them, were written down, and how to undo it.

.. math:: \text{recorded} = \frac{\log_b \max(Y + o, c) - s}{d}

with :math:`Y = |S|^p`, or sums of that over bands, an offset o, a clamp c, a shift s and a scale d.
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any

import torch
from torch import Tensor

from ..errors import (
    SpecInvError,
    check_choice,
    check_not_negative,
    check_number,
    check_positive,
    check_switch,
    read_number,
    shown,
)
from ..tensors import any_tensor

#: The logarithms by name, and the factor between the natural logarithm and each of them.
LOGS = {"ln": 1.0, "log10": 1 / math.log(10), "log2": 1 / math.log(2), "dB": 10 / math.log(10)}


@dataclass(frozen=True)
class Levels:
    """The conventions of the values of a spectrogram.

    Parameters
    ----------
    power : float, default 1.0
        Of the magnitudes: 1, or 2 for a power spectrogram.
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
    shift, scale : float or sequence of float, default 0.0 and 1.0
        Subtracted from the logarithm, and what the rest was divided by: for standardised values the
        mean and the standard deviation of the corpus. A number, or one for each row.
    limits : tuple of float, optional
        The least and the greatest value that is written; others were clipped to these.

    Raises
    ------
    SpecInvError
        If a number is not what it should be, or the logarithm is unknown.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.mel import Levels
    >>> magnitude = torch.tensor([[1.0, 10.0]])
    >>> Levels(log="dB", shift=-80, scale=100).write(magnitude)
    tensor([[0.8000, 1.0000]])
    """

    _: KW_ONLY
    power: float = 1.0
    log: str | None = None
    clamp: float = 0.0
    offset: float = 0.0
    reach: float | None = None
    shift: float | tuple[float, ...] = 0.0
    scale: float | tuple[float, ...] = 1.0
    limits: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.log is not None:
            check_choice("log", self.log, [*LOGS, "log1p"])
        for name in ("shift", "scale"):
            # dataclass fields that are arrays could be neither compared nor hashed
            object.__setattr__(self, name, _numbers(name, getattr(self, name)))
        scales = self.scale if isinstance(self.scale, tuple) else (self.scale,)
        check_positive("power", self.power)
        for name in ("clamp", "offset"):
            check_not_negative(name, getattr(self, name))
        if 0 in scales:
            raise SpecInvError(f"scale={self.scale!r}: expected a scale other than 0.")
        if self.reach is not None:
            check_positive("reach", self.reach)
            if not self.log:
                raise SpecInvError(f"reach={self.reach!r}: expected with a logarithm, log=.")
        if self.limits is not None:
            limits = _numbers("limits", self.limits)
            if not isinstance(limits, tuple) or len(limits) != 2 or not limits[0] < limits[1]:
                raise SpecInvError(f"limits={self.limits!r}: expected two numbers that rise.")
            object.__setattr__(self, "limits", limits)

    def __str__(self) -> str:
        """Return what differs from the defaults."""
        fields_ = {field.name: field.default for field in fields(self)}
        said = {name: getattr(self, name) for name in fields_}
        own = [f"{name}={value!r}" for name, value in said.items() if value != fields_[name]]
        return f"{type(self).__name__}({', '.join(own)})"

    @property
    def unit(self) -> float:
        """The factor between the natural logarithm of the sums and the recorded logarithm."""
        unit = LOGS.get(self.log or "ln", 1.0)
        return unit * 2 / self.power if self.log == "dB" else unit

    @property
    def is_plain(self) -> bool:
        """Whether a magnitude was written down as it is."""
        usual = {field.name: field.default for field in fields(Levels)}
        return all(getattr(self, name) == value for name, value in usual.items())

    def write(self, sums: Tensor) -> Tensor:
        """Return what is written for powers, or sums of them, (..., rows, frames)."""
        if self.log == "log1p":
            sums = torch.log1p(sums)
        elif self.log is not None:
            sums = torch.log((sums + self.offset).clamp_min(self.clamp)) * self.unit
        if self.reach is not None:
            sums = sums.maximum(sums.amax((-2, -1), keepdim=True) - self.reach)
        shift, scale = self._column("shift", sums), self._column("scale", sums)
        written = (sums - shift) / scale
        return written if self.limits is None else written.clamp(*self.limits)

    def restore(self, written: Tensor) -> Tensor:
        """Return the powers, or sums of them, for what is written, of the same shape."""
        shift, scale = self._column("shift", written), self._column("scale", written)
        values = written * scale + shift
        if self.log == "log1p":
            return torch.expm1(values).clamp_min(0)
        if self.log is not None:
            return (torch.exp(values / self.unit) - self.offset).clamp_min(0)
        return values

    def _column(self, name: str, like: Tensor) -> float | Tensor:
        """Return shift or scale in a shape that goes with (..., rows, frames)."""
        value: float | tuple[float, ...] = getattr(self, name)
        if not isinstance(value, tuple):
            return value
        if like.ndim < 2 or like.shape[-2] != len(value):
            raise SpecInvError(
                f"{name} has {len(value)} numbers, but spec has shape {tuple(like.shape)}: "
                "expected one number for each row of (..., rows, frames). Transposed?"
            )
        return torch.tensor(value, dtype=like.dtype, device=like.device)[:, None]


def normalised_levels(
    min_level_db: float = -100.0,
    ref_level_db: float = 20.0,
    *,
    max_norm: float = 1.0,
    symmetric_norm: bool = False,
) -> dict[str, Any]:
    r"""Return the keywords of :class:`Levels` for decibels between two levels, as in Tacotron.

    .. math:: n = \frac{20 \log_{10} Y - \text{ref} - \text{min}}{-\text{min}}

    which is clipped to [0, 1] and multiplied by `max_norm` or, symmetric, brought from there to
    [-max_norm, max_norm].

    Parameters
    ----------
    min_level_db, ref_level_db : float, default -100.0 and 20.0
        In dB; the first is negative.
    max_norm : float, default 1.0
        The greatest value that is written; 4 in many recipes.
    symmetric_norm : bool, default False
        Whether the least value is -max_norm and not 0.

    Raises
    ------
    SpecInvError
        If `min_level_db` is not negative or `max_norm` not positive.

    References
    ----------
    The names are those of the repositories keithito/tacotron, Rayhane-mamah/Tacotron-2 and
    mozilla/TTS.

    Examples
    --------
    >>> from torch_specinv.mel import normalised_levels
    >>> normalised_levels(max_norm=4, symmetric_norm=True)
    {'log': 'dB', 'clamp': 1e-05, 'shift': -30.0, 'scale': 12.5, 'limits': (-4, 4)}
    """
    check_number("ref_level_db", ref_level_db)
    check_positive("max_norm", max_norm)
    check_switch("symmetric_norm", symmetric_norm)
    if not -math.inf < read_number(min_level_db) < 0:
        raise SpecInvError(f"min_level_db={shown(min_level_db)}: expected a negative level.")
    low = -max_norm if symmetric_norm else 0
    scale = -min_level_db / (max_norm - low)
    return {
        "log": "dB",
        "clamp": 1e-5,
        # the level that is written as 0
        "shift": ref_level_db + min_level_db - low * scale,
        "scale": scale,
        "limits": (low, max_norm),
    }


def _numbers(name: str, value: Any) -> float | tuple[float, ...]:
    """Return a number, or several as a tuple."""
    if isinstance(value, (int, float)):
        check_number(name, value)
        return value
    array = any_tensor(value, name).detach().cpu()
    if array.is_complex() or array.dtype is torch.bool:
        raise SpecInvError(f"{name} has dtype {array.dtype}: expected real numbers.")
    array = array.double()
    if not bool(torch.isfinite(array).all()) or array.numel() == 0:
        raise SpecInvError(f"{name}={shown(value)}: values that are not finite, or none.")
    if array.ndim == 0:
        return float(array)
    if array.numel() != max(array.shape):
        raise SpecInvError(
            f"{name} has shape {tuple(array.shape)}: expected a number, or one for each row."
        )
    return tuple(array.flatten().tolist())
