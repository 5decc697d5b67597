"""The demo: two clips, every method, a table, files to listen to and a picture."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from torch import Tensor

from .errors import SpecInvError
from .inverting import invert
from .io import write_audio
from .methods import phase_init
from .metrics import sc
from .phase import PHASES
from .plots import plot_comparison
from .report import table
from .signals import CLIPS
from .solve import ALGORITHMS
from .stft import STFT

N_FFT, HOP_LENGTH = 1024, 256


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
    folder = new_folder(folder, force=force)
    window = torch.hann_window(N_FFT)
    rows: list[list[str]] = []
    pictures: dict[str, dict[str, Tensor]] = {}
    curves: dict[str, dict[str, tuple[tuple[int, ...], Tensor]]] = {}
    for clip, make in CLIPS.items():
        wave = make(sr=sr)
        length = len(wave)
        write_audio(folder / f"{clip}_original.wav", wave, sr, force=force)
        spectrum = torch.stft(wave, N_FFT, HOP_LENGTH, window=window, return_complex=True)
        target = spectrum.abs()
        stft = STFT.of(target, length=length, window=window, hop_length=HOP_LENGTH)
        pictures[clip], curves[clip] = {"original": target}, {}
        for start in PHASES:
            began = time.perf_counter()
            guess = phase_init(
                target, method=start, generator=_seeded(), window=window, hop_length=HOP_LENGTH
            )
            guessed = stft.synthesise(guess)
            seconds = time.perf_counter() - began
            error = float(sc(stft.analyse(guessed).abs(), target))
            rows.append([clip, "none", start, "0", f"{error:.1f}", f"{seconds:.2f}"])
        for name in ALGORITHMS:
            for start in PHASES:
                began = time.perf_counter()
                result = invert(
                    target,
                    name,
                    init=start,
                    max_iter=max_iter,
                    tol=0,
                    generator=_seeded(),
                    length=length,
                    window=window,
                    hop_length=HOP_LENGTH,
                    verbose=False,
                )
                seconds = time.perf_counter() - began
                label = f"{name}, {start}"
                history = result.history["sc"]
                rows.append(
                    [clip, name, start, str(max_iter), f"{history[-1]:.1f}", f"{seconds:.2f}"]
                )
                curves[clip][label] = (result.evaluated, history)
                if start == "spsi":
                    pictures[clip][label] = stft.analyse(result.wave).abs()
                    path = folder / f"{clip}_{name}.wav"
                    write_audio(path, result.wave, sr, force=force)
    print(table(["clip", "method", "start", "iterations", "SC in dB", "seconds"], rows))
    plot_comparison(
        folder / "comparison.png", pictures, curves, sr=sr, hop_length=HOP_LENGTH, force=force
    )
    return folder


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)
