"""Pictures of spectrograms: linear, mel and constant-Q."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import SpecInvError, check_choice
from ..tensors import Numbers, as_tensor
from .drawing import current_axes

_AXES = ("linear", "log", "mel", "cqt")
_VALUES = {"magnitude": 20.0, "power": 10.0, "db": None}
_HERTZ = (20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000)


def specshow(
    spec: Numbers,
    *,
    sr: int | None = None,
    hop_length: int | None = None,
    y_axis: str = "linear",
    values: str = "magnitude",
    top_db: float = 80.0,
    reference: float | None = None,
    fmin: float | None = None,
    fmax: float | None = None,
    htk: bool = False,
    bins_per_octave: int = 12,
    cmap: str = "magma",
    ax: Any = None,
) -> Any:
    """Draw a spectrogram in decibels.

    Parameters
    ----------
    spec : Tensor
        Shape (rows, frames), real or complex (of which the magnitude is drawn).
    sr : int, optional
        Sample rate in Hz. Default: the axis counts rows.
    hop_length : int, optional
        In samples; with `sr`, the axis of time is in seconds. Default: it counts frames.
    y_axis : str, default "linear"
        What the rows are: bins from 0 to ``sr / 2`` on a "linear" or "log" scale, "mel" bands, or
        "cqt" bins from `fmin` upwards.
    values : str, default "magnitude"
        "magnitude", "power" or "db".
    top_db : float, default 80.0
        How far below the brightest level colours reach.
    reference : float, optional
        The brightest level, as a value of `spec`. Default: its maximum.
    fmin, fmax : float, optional
        In Hz, of the mel bank (default 0 and ``sr / 2``), or of the first bin of a CQT (default
        32.70, the note C1).
    htk : bool, default False
        HTK's mel formula instead of Slaney's.
    bins_per_octave : int, default 12
        Of a CQT.
    cmap : str, default "magma"
        One of matplotlib's colour maps.
    ax : matplotlib Axes, optional
        Where to draw. Default: pyplot's current axes.

    Returns
    -------
    matplotlib Axes
        What was drawn on.

    Raises
    ------
    SpecInvError
        If an argument is not what it should be, or matplotlib is not installed.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.plots import new_figure, specshow
    >>> ax = new_figure(5, 3).subplots()
    >>> ax = specshow(torch.rand(80, 50), sr=22050, hop_length=256, y_axis="mel", ax=ax)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('time in s', 'frequency in Hz')
    """
    check_choice("y_axis", y_axis, _AXES)
    check_choice("values", values, _VALUES)
    spec = as_tensor(spec, "spec").detach().cpu()
    if spec.ndim != 2 or spec.numel() == 0:
        raise SpecInvError(
            f"spec has shape {tuple(spec.shape)}: expected (rows, frames). One item of a batch? "
            "Pass spec[0]."
        )
    factor = _VALUES[values]
    decibels = _decibels(spec.abs() if spec.is_complex() else spec, factor).numpy()
    most = float(decibels.max())
    if reference is not None:
        most = float(_decibels(torch.tensor(float(reference)), factor))
    rows, frames = decibels.shape
    ax = current_axes() if ax is None else ax
    seconds = frames if sr is None or hop_length is None else frames * hop_length / sr
    if y_axis == "log":
        top = rows - 1 if sr is None else sr / 2
        edges = np.maximum((np.arange(rows + 1) - 0.5) * top / max(rows - 1, 1), 0)
        times = np.linspace(0, seconds, frames + 1)
        ax.pcolormesh(
            times, edges, decibels, cmap=cmap, vmin=most - top_db, vmax=most, rasterized=True
        )
        ax.set_yscale("symlog", linthresh=max(top / 20, 1e-9), base=2)
        ax.set_ylim(0, top)
    else:
        ax.imshow(
            decibels, origin="lower", aspect="auto", cmap=cmap, vmin=most - top_db, vmax=most,
            interpolation="nearest", extent=(0, seconds, -0.5, rows - 0.5),
        )  # fmt: skip
    timed = sr is not None and hop_length is not None
    ax.set_xlabel("time in s" if timed else "frames")
    if sr is None:
        ax.set_ylabel("row")
        return ax
    if y_axis == "log":
        ticks = [float(hertz) for hertz in _HERTZ if sr / 40 < hertz < sr / 2]
        ax.set_yticks(ticks, [_label(tick) for tick in ticks])
    else:
        row = _row(y_axis, rows, sr, fmin, fmax, htk, bins_per_octave)
        shown = _ticks(row, rows, linear=y_axis == "linear", top=sr / 2)
        ax.set_yticks([row(hertz) for hertz in shown], [_label(hertz) for hertz in shown])
    ax.set_ylabel("frequency in Hz")
    return ax


def _decibels(values: Tensor, factor: float | None) -> Tensor:
    """Return decibels; values that are not finite are the least there is."""
    values = values.double()
    if factor is not None:
        values = factor * values.clamp_min(1e-30).log10()
    finite = values[torch.isfinite(values)]
    least, most = finite.aminmax() if finite.numel() else (0.0, 0.0)
    return torch.nan_to_num(values, float(least), float(most), float(least)).float()


def _row(
    y_axis: str,
    rows: int,
    sr: int,
    fmin: float | None,
    fmax: float | None,
    htk: bool,
    bins_per_octave: int,
) -> Callable[[float], float]:
    """Return the function from a frequency in Hz to a row."""
    if y_axis == "linear":
        return lambda hertz: hertz / (sr / 2) * (rows - 1)
    if y_axis == "cqt":
        first = 32.70319566257483 if fmin is None else fmin
        return lambda hertz: bins_per_octave * math.log2(hertz / first)
    low, high = (_mel(f, htk=htk) for f in (fmin or 0.0, sr / 2 if fmax is None else fmax))
    return lambda hertz: (_mel(hertz, htk=htk) - low) / (high - low) * (rows + 1) - 1


def _mel(hertz: float, *, htk: bool) -> float:
    """Return the mel of a frequency, by HTK's formula or by that of Slaney's toolbox (1998)."""
    if htk:
        return 2595 * math.log10(1 + hertz / 700)
    return 3 * hertz / 200 if hertz < 1000 else 15 + 27 * math.log(hertz / 1000) / math.log(6.4)


def _ticks(row: Callable[[float], float], rows: int, *, linear: bool, top: float) -> list[float]:
    """Return round frequencies that are within the rows and not too close."""
    if linear:
        step = next(s for s in (100, 200, 500, 1000, 2000, 5000, 10000, 20000) if top / s <= 8)
        return [float(step * i) for i in range(int(top / step) + 1)]
    shown: list[float] = []
    for hertz in map(float, _HERTZ):
        place = row(hertz)
        if 0 <= place <= rows - 1 and (not shown or place - row(shown[-1]) > rows / 20):
            shown.append(hertz)
    return shown


def _label(hertz: float) -> str:
    return f"{hertz / 1000:g}k" if hertz >= 1000 else f"{hertz:g}"
