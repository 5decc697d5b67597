"""The demo: two clips, every method, a table, files to listen to and a picture."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..errors import SpecInvError, check_count
from ..inversion.invert import invert
from ..io import write_audio
from ..methods import phase_init
from ..metrics import sc
from ..phase import PHASES
from ..solve import ALGORITHMS, Inversion
from ..transform.stft import STFT
from .plots import plot_comparison
from .signals import CLIPS
from .table import table

N_FFT, HOP_LENGTH = 1024, 256
WINDOW = torch.hann_window(N_FFT)


def new_folder(folder: Path | None, *, force: bool) -> Path:
    """Make the folder for the results; without a wish, one that does not exist yet."""
    if folder is None:
        folder = Path("specinv_demo")
        number = 2
        while folder.exists() and not force:
            folder, number = Path(f"specinv_demo_{number}"), number + 1
    if folder.exists() and not (force and folder.is_dir()):
        raise SpecInvError(f"{folder} exists already: choose another name or use --force.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SpecInvError(f"{folder} cannot be made: {error.strerror}") from error
    return folder


def run_demo(
    folder: Path | None = None, *, max_iter: int = 100, sr: int = 22050, force: bool = False
) -> Path:
    """Invert made-up clips by every method; write wav files and a picture, print a table.

    Parameters
    ----------
    folder : Path, optional
        Where to write. Default: a new folder specinv_demo.
    max_iter : int, default 100
        Iterations of each method.
    sr : int, default 22050
        Sample rate of the clips in Hz.
    force : bool, default False
        Write into a folder that exists.

    Returns
    -------
    Path
        The folder.
    """
    check_count("max_iter", max_iter)
    check_count("sr", sr, least=4000)
    folder = new_folder(folder, force=force)
    rows: list[list[str]] = []
    pictures: dict[str, dict[str, Tensor]] = {}
    curves: dict[str, dict[str, tuple[tuple[int, ...], Tensor]]] = {}
    for clip, make in CLIPS.items():
        wave = make(sr=sr)
        write_audio(folder / f"{clip}_original.wav", wave, sr, force=force)
        stft = STFT.of_wave(wave, n_fft=N_FFT, hop_length=HOP_LENGTH, window=WINDOW)
        target = stft(wave)
        pictures[clip], curves[clip] = {"original": target}, {}
        rows += [[clip, *_guess(start, target, stft)] for start in PHASES]
        # a start that is a method as well is in the table already
        methods = [name for name in ALGORITHMS if name not in PHASES]
        solved = {name: _solve(name, max_iter, target, stft) for name in methods}
        rows += [[clip, *solution.row] for solution in solved.values()]
        for name, solution in solved.items():
            write_audio(folder / f"{clip}_{name}.wav", solution.result.wave, sr, force=force)
            if solution.start != "-":
                curve = solution.result.evaluated, solution.result.history["sc"]
                curves[clip][f"{name} ({solution.start})"] = curve
        best = min(solved, key=lambda name: float(solved[name].result.history["sc"][-1]))
        for name in dict.fromkeys(["griffin_lim", best]):
            pictures[clip][name] = stft(solved[name].result.wave)
    print(table(["clip", "method", "start", "iterations", "SC in dB", "seconds"], rows))
    path = folder / "comparison.png"
    plot_comparison(path, pictures, curves, sr=sr, hop_length=HOP_LENGTH, force=force)
    return folder


def _guess(start: str, target: Tensor, stft: STFT) -> list[str]:
    """Return the table's row for a starting phase alone."""
    began = time.perf_counter()
    guess = phase_init(
        target,
        method=start,
        length=stft.geometry.length,
        generator=_seeded(),
        **stft.geometry.keywords(),
    )
    wave = stft.synthesise(guess)
    seconds = time.perf_counter() - began
    return ["none", start, "0", f"{sc(stft(wave), target):.1f}", f"{seconds:.2f}"]


@dataclass(frozen=True)
class _Solution:
    """A result and its row in the table."""

    result: Inversion
    start: str
    row: list[str]


def _solve(name: str, max_iter: int, target: Tensor, stft: STFT) -> _Solution:
    """Invert quietly, from the start that suits the method."""
    kind = ALGORITHMS[name]
    # an online method iterates on every frame
    budget = max_iter if kind.takes_start else max(1, max_iter // 10)
    start = kind.default_start if kind.takes_start else "-"
    began = time.perf_counter()
    result = invert(
        target,
        name,
        max_iter=budget,
        tol=0,
        length=stft.geometry.length,
        verbose=False,
        **stft.geometry.keywords(),
    )
    seconds = time.perf_counter() - began
    count = str(budget) if kind.takes_start else f"{budget} a frame"
    error = f"{result.history['sc'][-1]:.1f}"
    return _Solution(result, start, [name, start, count, error, f"{seconds:.2f}"])


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)
