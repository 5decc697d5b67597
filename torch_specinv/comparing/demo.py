"""The demo: two clips, every method, a table, files to listen to and a picture."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..errors import SpecInvError, check_count
from ..inversion.invert import invert
from ..io import explained, make_folder, open_locked, write_audio
from ..methods import phase_init
from ..metrics import metric_info, sc
from ..phase import PHASES
from ..plots import plot_comparison
from ..solve import ALGORITHMS, Inversion
from ..solve.algorithm import make_algorithm
from ..transform.stft import STFT
from .signals import CLIPS
from .table import table

N_FFT, HOP_LENGTH = 1024, 256
WINDOW = torch.hann_window(N_FFT)
MOST_HZ = 192_000
#: The file in the folder of a demo that has not come to its end.
UNFINISHED = "demo.unfinished"


@contextmanager
def new_folder(folder: Path | None, *, force: bool) -> Generator[Path]:
    """Yield a folder for the results: a new one, or one that a run left unfinished.

    As long as it is not finished, a file says so.
    """
    if folder is None:
        folder = Path("specinv_demo")
        number = 2
        while not force and not _is_free(folder):
            folder, number = Path(f"specinv_demo_{number}"), number + 1
    if "\0" not in str(folder) and not (_is_free(folder) or (force and folder.is_dir())):
        raise SpecInvError(f"{folder} exists already: choose another name or use --force.")
    make_folder(folder)
    with explained(folder):
        marker = open_locked(folder / UNFINISHED)
    if marker is None:
        raise SpecInvError(f"{folder} is being written by another run.")
    with marker:
        yield folder
        (folder / UNFINISHED).unlink(missing_ok=True)


def _is_free(folder: Path) -> bool:
    """Whether there is nothing in a folder, or what a run left that did not come to its end."""
    return not folder.exists() or (
        folder.is_dir() and ((folder / UNFINISHED).exists() or not any(folder.iterdir()))
    )


def run_demo(
    folder: Path | None = None, *, max_iter: int = 100, sr: int = 22050, force: bool = False
) -> Path:
    """Invert synthetic clips by every method; write wav files and a picture, print a table.

    Parameters
    ----------
    folder : Path, optional
        Where to write. Default: a new folder specinv_demo.
    max_iter : int, default 100
        Iterations of each method; one with costlier iterations makes as many as cost the same.
    sr : int, default 22050
        Sample rate of the clips in Hz, from 4000 to 192000.
    force : bool, default False
        Write into a folder that exists.

    Returns
    -------
    Path
        The folder.
    """
    check_count("max_iter", max_iter)
    if check_count("sr", sr, least=4000) > MOST_HZ:
        raise SpecInvError(f"sr={sr}: expected at most {MOST_HZ} Hz.")
    with new_folder(folder, force=force) as folder:
        _fill(folder, max_iter, sr)
    return folder


def _fill(folder: Path, max_iter: int, sr: int) -> None:
    """Make all files, over those of a run that did not come to its end, and print the table."""
    rows: list[list[str]] = []
    pictures: dict[str, dict[str, Tensor]] = {}
    curves: dict[str, dict[str, tuple[tuple[int, ...], Tensor]]] = {}
    for clip, make in CLIPS.items():
        wave = make(sr=sr)
        stft = STFT.of_wave(wave, n_fft=N_FFT, hop_length=HOP_LENGTH, window=WINDOW)
        target = stft(wave)
        # a start that is a method as well is in the table as a start
        methods = [name for name in ALGORITHMS if name not in PHASES]
        solved = {name: _solve(name, max_iter, target, stft) for name in methods}
        rows += [[clip, *_start_row(start, target, stft)] for start in PHASES]
        rows += [[clip, *solution.row] for solution in solved.values()]
        waves = {"original": wave, **{name: one.result.wave for name, one in solved.items()}}
        for name, made in waves.items():
            write_audio(folder / f"{clip}_{name}.wav", made, sr, force=True)
        shown = dict.fromkeys(["original", "griffin_lim", _best(solved)])
        pictures[clip] = {name: stft(waves[name]) for name in shown}
        curves[clip] = {
            f"{name} ({one.start})": (one.result.evaluated, one.result.history["sc"])
            for name, one in solved.items()
            if one.start is not None
        }
    print(table(["clip", "method", "start", "iterations", "SC in dB", "seconds"], rows))
    path = folder / "comparison.png"
    plot_comparison(path, pictures, curves, sr=sr, hop_length=HOP_LENGTH, force=True)


def _start_row(start: str, target: Tensor, stft: STFT) -> list[str]:
    """Return the table's row for an initial phase without iterations."""
    began = time.perf_counter()
    spectrum = phase_init(
        target,
        method=start,
        length=stft.geometry.length,
        generator=torch.Generator().manual_seed(0),
        **stft.geometry.keywords(),
    )
    wave = stft.synthesise(spectrum)
    seconds = time.perf_counter() - began
    return ["none", start, "0", f"{sc(stft(wave), target):.1f}", f"{seconds:.2f}"]


@dataclass(frozen=True)
class _Solution:
    """A result and its row in the table."""

    result: Inversion
    start: str | None
    """The initial phase, or None where the method makes its own."""
    row: list[str]

    @property
    def sc(self) -> float:
        """Spectral convergence in dB."""
        return float(self.result.history["sc"][-1])


def _best(solved: dict[str, _Solution]) -> str:
    """Return the name of the method with the best spectral convergence."""
    best = metric_info("sc").best(solution.sc for solution in solved.values())
    return next(name for name, solution in solved.items() if solution.sc == best)


def _solve(name: str, max_iter: int, target: Tensor, stft: STFT) -> _Solution:
    """Invert from the method's default start, in iterations that cost as much as `max_iter`."""
    algorithm = make_algorithm(name, {})
    budget = algorithm.iterations_of_equal_cost(max_iter, stft.geometry)
    began = time.perf_counter()
    result = invert(
        target,
        algorithm,
        max_iter=budget,
        tol=0,
        length=stft.geometry.length,
        verbose=False,
        **stft.geometry.keywords(),
    )
    seconds = time.perf_counter() - began
    start = algorithm.default_start if algorithm.takes_start else None
    count = f"{budget}{' a frame' if algorithm.per_frame else ''}"
    row = [name, start or "-", count, f"{result.history['sc'][-1]:.1f}", f"{seconds:.2f}"]
    return _Solution(result, start, row)
