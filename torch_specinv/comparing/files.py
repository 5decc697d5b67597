"""Compare methods on audio files: what ``specinv compare`` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import SpecInvError, check_count
from ..io import explained, make_folder, read_audio
from ..io.outputs import write_texts
from ..plots import plot_curves
from ..solve import ALGORITHMS
from ..transform.named_windows import WindowName, named_window
from .degrade import Degradation
from .inexact_tables import kind_table
from .listening import Clip, left_out
from .measure import check_methods, compare
from .peers import installed_peers
from .summary import BASELINE, curves, equal_iterations, equal_time


def compare_files(
    files: Sequence[Path],
    folder: Path,
    *,
    methods: Sequence[str] | None = None,
    degrade: Sequence[Degradation] = (),
    iterations: Sequence[int] = (32, 100, 200),
    seconds: float | None = None,
    speech: bool = False,
    n_fft: int = 1024,
    hop_length: int | None = None,
    window: WindowName = "hann",
) -> str:
    """Measure methods on the first channel of audio files; write measurements, table and picture.

    Parameters
    ----------
    files : sequence of Path
        Audio files.
    folder : Path
        Where to write results.jsonl, table.md and comparison.png. What results.jsonl holds already
        is not measured again.
    methods : sequence of str, optional
        Names of algorithms and of other packages. Default: all that are installed.
    degrade : sequence of Degradation
        Measure on magnitudes that are wrong in these ways, against the original sound; a table for
        each. Default: on exact ones. There is a picture of exact ones alone.
    iterations : sequence of int
        Numbers of iterations.
    seconds : float, optional
        Use no more of each file.
    speech : bool, default False
        Measure PESQ and ESTOI as well.
    n_fft, hop_length, window
        The STFT; the window by name.

    Returns
    -------
    str
        The tables, and which scores are left out and why.
    """
    check_count("n_fft", n_fft)
    if seconds is not None and not seconds > 0:
        raise SpecInvError(f"seconds={seconds}: expected more than 0.")
    methods = [*ALGORITHMS, *installed_peers()] if methods is None else methods
    check_methods(methods)
    taps = named_window(window, n_fft)
    clips = [_read_clip(file, seconds, speech=speech) for file in files]
    store = folder / "results.jsonl"
    make_folder(folder)
    with explained(store):
        store.touch()
    stft: dict[str, Any] = {"n_fft": n_fft, "hop_length": hop_length, "window": taps}
    if degrade:
        parts: list[str] = []
        for one in degrade:
            found = list(compare(clips, methods, iterations, store, degrade=one, **stft))
            parts.append(f"{one.name}:\n\n{kind_table(found)}")
        parts += left_out(clips)
    else:
        measured = list(compare(clips, methods, iterations, store, **stft))
        parts = [equal_iterations(measured)]
        if BASELINE in methods:
            parts.append(f"SC in dB at equal time:\n\n{equal_time(measured)}")
        parts += left_out(clips) if speech else []
        plot_curves(folder / "comparison.png", curves(measured), force=True)
    text = "\n\n".join(parts)
    write_texts({folder / "table.md": text + "\n"}, force=True)
    return text


def _read_clip(file: Path, seconds: float | None, *, speech: bool) -> Clip:
    """Read the first channel of a file, or the beginning of it."""
    wave, sr = read_audio(file)
    end = None if seconds is None else max(1, round(seconds * sr))
    return Clip(file.name, wave[0, :end], sr, speech)
