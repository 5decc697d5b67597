"""Pictures that compare methods: spectrograms side by side, and curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from .drawing import new_figure, save
from .spectrogram import specshow


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
    budgets = sorted({int(point[0]) for points in curves.values() for point in points})
    axes[0].set_xticks(budgets, [str(budget) for budget in budgets])
    axes[0].minorticks_off()
    axes[0].set_ylabel("SC in dB, median over clips")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], fontsize="small", loc="outside right center")
    save(figure, path, force=force)
