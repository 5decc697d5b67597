"""Pictures that compare methods: spectrograms side by side, and curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from .drawing import new_figure, save
from .spectrogram import specshow

# The part of an axis that a label takes, with some room beside it
_LABEL = 0.13


def plot_comparison(
    path: Path,
    clips: Mapping[str, Mapping[str, Tensor]],
    curves: Mapping[str, Mapping[str, tuple[Sequence[int], Tensor]]],
    *,
    sr: int,
    hop_length: int,
    force: bool = False,
) -> None:
    """Draw spectrograms side by side and convergence curves, one row for each clip.

    Parameters
    ----------
    path : Path
        The PNG file to write.
    clips : mapping
        For each clip, magnitudes (bins, frames) by title; the first is the original.
    curves : mapping
        For each clip, (iterations, spectral convergence in dB) by label.
    sr, hop_length : int
        For the axes.
    force : bool, default False
        Overwrite an existing file.
    """
    columns = max(len(pictures) for pictures in clips.values()) + 1
    figure = new_figure(4.2 * columns, 3.4 * len(clips))
    axes: Any = figure.subplots(len(clips), columns, squeeze=False)
    for row, (clip, pictures) in zip(axes, clips.items(), strict=True):
        reference = float(next(iter(pictures.values())).max())
        for axis, (title, magnitude) in zip(row, pictures.items(), strict=False):
            specshow(magnitude, sr=sr, hop_length=hop_length, reference=reference, ax=axis)
            axis.set_title(f"{clip}: {title}")
        for axis in row[len(pictures) : -1]:
            axis.set_axis_off()
        for label, (iterations, decibels) in curves[clip].items():
            row[-1].plot(iterations, decibels.tolist(), label=label)
        row[-1].set(title=f"{clip}: convergence", xlabel="iterations", ylabel="SC in dB")
        row[-1].grid(alpha=0.3)
        row[-1].legend(fontsize="x-small", ncols=2)
    save(figure, path, force=force)


def plot_curves(
    path: Path,
    curves: Mapping[str, Sequence[tuple[float, float, float]]],
    *,
    force: bool = False,
) -> None:
    """Draw spectral convergence against iterations and against seconds.

    Parameters
    ----------
    path : Path
        The PNG file to write.
    curves : mapping
        For each method, points (iterations, seconds, SC in dB).
    force : bool, default False
        Overwrite an existing file.
    """
    figure = new_figure(11, 4.5)
    axes: Any = figure.subplots(1, 2, sharey=True)
    # the lowest SC first, so that the legend, in reverse, is in the order of the curves
    methods = sorted(curves, key=lambda method: min(point[2] for point in curves[method]))
    for axis, coordinate, label in ((axes[0], 0, "iterations"), (axes[1], 1, "seconds")):
        for number, method in enumerate(methods):
            ordered = sorted(curves[method])
            xs, ys = [point[coordinate] for point in ordered], [point[2] for point in ordered]
            dash = ("-", "--")[number // 10 % 2]  # there are ten colours
            axis.plot(xs, ys, marker="o", markersize=4, linestyle=dash, label=method)
        axis.set_xscale("log")
        axis.set(xlabel=label)
        axis.grid(alpha=0.3)
    points = [point for method in curves.values() for point in method]
    for axis, ticks in (
        (axes[0], sorted({point[0] for point in points})),
        (axes[1], _round_numbers([point[1] for point in points if point[1] > 0])),
    ):
        low, high = axis.get_xlim()
        ticks = _apart(ticks, math.log(high / low))
        axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.minorticks_off()
    axes[0].set_ylabel("SC in dB, median over clips")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], fontsize="small", loc="outside right center")
    save(figure, path, force=force)


def _round_numbers(values: Sequence[float]) -> list[float]:
    """Return numbers such as 0.1, 0.2 and 0.5 among positive values, or else their middle."""
    if not values:
        return []
    low, high = min(values), max(values)
    decades = range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1)
    for digits in ((1, 2, 5), range(1, 10)):
        found = [float(f"{digit}e{decade}") for decade in decades for digit in digits]
        found = [number for number in found if low <= number <= high]
        if len(found) > 1:
            return found
    return [float(f"{math.sqrt(low * high):.2g}")]


def _apart(ticks: Sequence[float], span: float) -> list[float]:
    """Return those of ascending ticks whose labels leave room for each other, on a log axis."""
    kept: list[float] = []
    for tick in reversed(ticks):
        if not kept or math.log(kept[0] / tick) >= _LABEL * span:
            kept.insert(0, tick)
    return kept
