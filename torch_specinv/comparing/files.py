"""Compare methods on files: what ``specinv compare`` does."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import SpecInvError, check_count
from ..io import explained, make_folder, read_audio, write_audio
from ..io.outputs import write_texts
from ..plots import plot_curves
from ..solve import ALGORITHMS
from ..transform.named_windows import WindowName, named_window
from .degrade import Degradation
from .inexact_tables import kind_table, run_name
from .listening import Clip, left_out
from .measure import Keep, check_methods, check_suits, compare
from .peers import installed_peers
from .prediction import Prediction
from .store import Measurement
from .summary import BASELINE, curves, equal_iterations, equal_time
from .task import Task, task_of


def compare_files(
    files: Sequence[Path | Prediction],
    folder: Path,
    *,
    methods: Sequence[str] | None = None,
    degrade: Sequence[Degradation] = (),
    iterations: Sequence[int] = (32, 100, 200),
    seconds: float | None = None,
    speech: bool = False,
    wavs: bool = False,
    keep: Keep | None = None,
    n_fft: int = 1024,
    hop_length: int | None = None,
    window: WindowName = "hann",
    **stft: Any,
) -> str:
    """Measure methods on sounds or predictions; write measurements, table, picture and waves.

    Parameters
    ----------
    files : sequence of Path or Prediction
        Audio files, whose first channel is used, and arrays with their recipe.
    folder : Path
        Where to write results.jsonl, table.md and comparison.png. What results.jsonl holds already
        is not measured again.
    methods : sequence of str, optional
        Names of algorithms and of other packages, and ``module:function``. Default: all that are
        installed and can invert what is given.
    degrade : sequence of Degradation
        Measure on magnitudes that are wrong in these ways, against the original sound; a table for
        each. Default: on exact ones. There is a picture of exact ones alone.
    iterations : sequence of int
        Numbers of iterations.
    seconds : float, optional
        Use no more of each file.
    speech : bool, default False
        Measure PESQ, ESTOI and DNSMOS of sounds as well.
    wavs : bool, default False
        Write the waves, to waves/METHOD_ITERATIONS/NAME.wav in the folder.
    keep : callable, optional
        As of :func:`~.measure.compare`.
    n_fft, hop_length, window
        The STFT of sounds; the window by name.
    **stft
        More keywords of it, such as win_length or center.

    Returns
    -------
    str
        The tables, and which scores are left out and why.

    Raises
    ------
    SpecInvError
        If an argument is not what it should be, a method can't invert what is given, or two files
        that are written would have the same name; before any work is done.
    """
    check_count("n_fft", n_fft)
    if seconds is not None and not 0 < seconds < math.inf:
        raise SpecInvError(f"seconds={seconds}: expected more than 0.")
    taps = named_window(window, stft.get("win_length") or n_fft)
    stft |= {"n_fft": n_fft, "hop_length": hop_length, "window": taps}
    check_methods(() if methods is None else methods)
    clips = [_read(file, seconds, speech=speech) for file in files]
    sounds = [clip for clip in clips if isinstance(clip, Clip)]
    arrays = [clip.name for clip in clips if isinstance(clip, Prediction)]
    if degrade and arrays:
        raise SpecInvError(f"degrade is for sounds: {arrays[0]} is measured as it is.")
    if wavs or keep is not None:
        _check_names([clip.name for clip in clips])
    methods, unfit = _suitable(methods, [task_of(clip, None, None, stft) for clip in clips])
    store = folder / "results.jsonl"
    make_folder(folder)
    with explained(store):
        store.touch()

    def kept(clip: Clip | Prediction, measured: Measurement, wave: Callable[[], Tensor]) -> None:
        if wavs:
            path = folder / "waves" / _place(measured, bool(degrade))
            make_folder(path.parent)
            write_audio(path, wave(), clip.sr, force=True)
        if keep is not None:
            keep(clip, measured, wave)

    stft |= {"keep": kept if wavs or keep is not None else None}
    if degrade:
        parts: list[str] = []
        for one in degrade:
            found = list(compare(sounds, methods, iterations, store, degrade=one, **stft))
            parts.append(f"{one.name}:\n\n{kind_table(found)}")
        parts += left_out(sounds)
    else:
        measured = list(compare(clips, methods, iterations, store, **stft))
        parts = [equal_iterations(measured)]
        if BASELINE in methods:
            parts.append(f"SC in dB at equal time:\n\n{equal_time(measured)}")
        parts += left_out(clips) if speech else []
        if unfit:
            parts.append(f"Left out, as they cannot invert all that is given: {', '.join(unfit)}.")
        plot_curves(folder / "comparison.png", curves(measured), force=True)
    text = "\n\n".join(parts)
    write_texts({folder / "table.md": text + "\n"}, force=True)
    return text


def _read(file: Path | Prediction, seconds: float | None, *, speech: bool) -> Clip | Prediction:
    """Read the first channel of a file, or the beginning of it."""
    if isinstance(file, Prediction):
        return file if seconds is None else file.beginning(seconds)
    wave, sr = read_audio(file)
    end = None if seconds is None else max(1, round(seconds * sr))
    return Clip(file.name, wave[0, :end], sr, speech)


def _check_names(names: Sequence[str]) -> None:
    """Raise where the waves of two clips would be files of the same name."""
    stems = [Path(name).stem for name in names]
    for stem in stems:
        if stems.count(stem) > 1:
            raise SpecInvError(f"{stem} is the name of {stems.count(stem)} files: rename some.")


def _suitable(methods: Sequence[str] | None, tasks: Sequence[Task]) -> tuple[list[str], list[str]]:
    """Return the methods, checked; or all that can invert what is given, and those that cannot."""
    if methods is not None:
        for method in methods:
            for task in tasks:
                check_suits(method, task)
        return [*methods], []
    suits = {
        method: all(_suits(method, task) for task in tasks)
        for method in (*ALGORITHMS, *installed_peers())
    }
    return [m for m, fits in suits.items() if fits], [m for m, fits in suits.items() if not fits]


def _suits(method: str, task: Task) -> bool:
    try:
        check_suits(method, task)
    except SpecInvError:
        return False
    return True


def _place(measured: Measurement, degraded: bool) -> Path:
    """Return where in its folder a wave lies."""
    run = run_name((measured.method, measured.iterations))
    parts = [measured.kind, run] if degraded else [run]
    folders = [re.sub(r"[^\w.-]+", "_", part) for part in parts]
    return Path(*folders, f"{Path(measured.clip).stem}.wav")
