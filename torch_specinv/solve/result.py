"""What an inversion returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from torch import Tensor

from ..derivatives import is_hidden
from ..errors import SpecInvError, check_count
from ..metrics import metric_info
from ..transform.geometry import Geometry


class Status(StrEnum):
    """Why an item's iterations ended."""

    MAX_ITER = "max_iter"
    """The budget was used up."""
    START = "start"
    """No iterate had a smaller error than the start, which is returned as it was."""
    CONVERGED = "converged"
    """The error no longer changed by more than the tolerance, or is only rounding."""
    STOPPED = "stopped"
    """The callback asked for it."""
    INEXACT = "inexact"
    """The target was found to be inconsistent, and more iterations would fit its errors."""
    NOT_FINITE = "not_finite"
    """The iteration diverged; the best wave before that is returned."""
    HIDDEN = "hidden"
    """Under :func:`torch.vmap`, which hides the values that would tell."""


@dataclass(frozen=True, eq=False)
class RunState:
    """What is needed to go on: the monitor of all items and the state of those that can."""

    monitor: Any
    """The :class:`~.monitor.Monitor` as of the last evaluation that a longer run makes as well."""
    state: Any
    """The state of the solver, for the items that had not ended."""
    steps: int
    """Iterations done."""
    problem: Any = None
    """What identifies the problem that was solved, by name."""
    parts: Sequence[Any] = ()
    """The items and the state of each part, where a batch did not fit in memory as a whole."""


@dataclass(frozen=True, eq=False)
class Inversion:
    """The result of an inversion: the waveform, and how the iterations went.

    Attributes
    ----------
    wave : Tensor
        Shape (..., samples), in the dtype and on the device of the input: the best iterate by the
        error or, of the algorithms that say so and of items that are not exact, the last one.
    history : dict of str to Tensor
        For each metric its values, shape (evaluations, ...), in dB for the metrics of the package;
        :func:`torch_specinv.metrics.metric_info` tells the unit of others. Row i describes the wave
        that would have been returned after ``evaluated[i]`` iterations; the last describes `wave`
        (before it is rounded to half precision, where the input has that, and before what a
        preset does to it: fading ends, undoing pre-emphasis, scaling). The row of an item that
        stopped early is repeated.
    evaluated : tuple of int
        The iterations after which the metrics were taken; the first is 0, the start.
    iterations : Tensor
        Shape (...): how many iterations each item took.
    status : tuple of Status
        Why each item ended, in row-major order of the batch dimensions.
    inconsistency : Tensor
        Shape (...), in dB: the least spectral convergence of all iterates that were evaluated,
        whichever was returned. No lower one was found, so that this is about how far the
        spectrogram is from that of any waveform. It is the error relative to that of silence; NaN
        for an arbitrary transform with a loss of its own.
    kinds : tuple of str
        What ``auto`` took each item for, in row-major order: "exact", "noisy", "blurred" or
        "coarse", see :class:`torch_specinv.inexact.kinds.Kind`. Empty for other algorithms.
    state : RunState
        For ``invert(..., resume=inversion)``, which goes on where this run ended.
    geometry : Geometry, optional
        The numbers of the STFT; None for an arbitrary transform.
    sr : int, optional
        The sample rate in Hz, where a preset says it. :meth:`save`, :meth:`plot` and :meth:`play`
        use it.
    per_source : dict of str to Tensor
        Of the sources of a mixture: each metric of each source alone, shape (..., sources), for the
        wave that is returned. (The history has one value for all sources of a mixture.) Else empty.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv import invert
    >>> magnitude = torch.rand(129, 20, generator=torch.manual_seed(0))
    >>> result = invert(magnitude, max_iter=10, window="hann", verbose=False)
    >>> result.save("noise.wav", sr=16000)  # doctest: +SKIP
    [PosixPath('noise.wav')]
    """

    wave: Tensor
    history: dict[str, Tensor]
    evaluated: tuple[int, ...]
    iterations: Tensor
    status: tuple[Status, ...]
    inconsistency: Tensor
    kinds: tuple[str, ...] = ()
    state: RunState | None = None
    geometry: Geometry | None = None
    sr: int | None = None
    per_source: dict[str, Tensor] = field(default_factory=dict[str, Tensor])

    def save(
        self,
        path: str | Path,
        sr: int | None = None,
        *,
        channels: bool = False,
        peak: str = "keep",
        force: bool = False,
    ) -> list[Path]:
        """Write the waveforms, a file for each batch item: all of them or nothing.

        Parameters
        ----------
        path : str or Path
            Ends in .wav, .flac or .ogg. A batch becomes ``name_0.wav``, ``name_1.wav``, ...
        sr : int, optional
            Sample rate in Hz; needed unless a preset said it.
        channels : bool, default False
            Whether the last batch dimension holds the channels of one file.
        peak : str, default "keep"
            Of waves beyond 1: "keep" (in a .wav), "normalise", "clip" or "error".
        force : bool, default False
            Overwrite existing files.

        Returns
        -------
        list of Path
            The files.

        Raises
        ------
        SpecInvError
            If a file exists or can't be written, or the sample rate is not known.
        """
        from ..io import fit_peak, numbered, write_audio_files

        sr = self.rate(sr)
        batch = self.wave.shape[: -2 if channels else -1]
        inner = self.wave.shape[len(batch) :]
        waves = self.wave.detach().reshape(-1, *inner)
        paths = numbered(Path(path), len(waves) if batch else None)
        write_audio_files(paths, [fit_peak(wave, peak) for wave in waves], sr, force=force)
        return paths

    def play(self, sr: int | None = None, item: int = 0) -> Any:
        """Play a batch item: in a notebook by a player that is returned, else by the loudspeaker.

        Parameters
        ----------
        sr : int, optional
            Sample rate in Hz; needed unless a preset said it.
        item : int, default 0
            Which one, in row-major order of the batch dimensions.

        Raises
        ------
        SpecInvError
            If the sample rate is not known, or there is no such item or no loudspeaker.
        """
        from ..players import play

        return play(self.item(item), self.rate(sr))

    def plot(self, sr: int | None = None, item: int = 0) -> Any:
        """Draw the spectrogram of a batch item, and how the metrics of all items developed.

        Parameters
        ----------
        sr : int, optional
            Sample rate in Hz, for the axes. Default: that of the preset; without one the axes count
            frames and bins.
        item : int, default 0
            Which one, in row-major order of the batch dimensions.

        Returns
        -------
        matplotlib Figure
            Notebooks show it; ``figure.savefig(path)`` writes it.

        Raises
        ------
        SpecInvError
            If there is no such item, or matplotlib is not installed.
        """
        from .showing import figure

        return figure(self, item, self.sr if sr is None else self.rate(sr))

    def item(self, number: int) -> Tensor:
        """Return the wave (samples,) of an item, in row-major order of the batch dimensions."""
        waves = self.wave.detach().reshape(-1, self.wave.shape[-1])
        if not -len(waves) <= number < len(waves):
            raise SpecInvError(f"item={number!r}: there are {len(waves)}, from 0.")
        return waves[number]

    def rate(self, sr: int | None) -> int:
        """Return the sample rate that is given, or that of the preset."""
        if sr is None and self.sr is None:
            raise SpecInvError("sr is not known: say it, e.g. sr=22050, or invert with a preset.")
        return check_count("sr", self.sr if sr is None else sr)

    def _repr_html_(self) -> str:
        """Return players, a spectrogram and the convergence, for notebooks."""
        from .showing import html

        return html(self)

    def __repr__(self) -> str:
        last = ", ".join(
            f"{name}={metric_info(name).with_unit(float(values[-1].mean()))}"
            for name, values in self.history.items()
            if not is_hidden(values)
        )
        ends = ", ".join(sorted({str(status) for status in self.status}))
        inexact = sorted(set(self.kinds) - {"exact"})
        found = f", magnitude={', '.join(inexact)}" if inexact else ""
        return (
            f"Inversion(wave={tuple(self.wave.shape)}, iterations={self.evaluated[-1]}, "
            f"{last}, status={ends}{found})"
        )
