"""Find a waveform for a recording of any length, in little memory; interrupted, it resumes."""

from __future__ import annotations

import time
from typing import Any

from ..io import holds_spectrogram
from ..long import invert_long
from ..long.source import array_shape
from ..transform.windows import named_window
from .flags import (
    add,
    add_files,
    add_hyperparameters,
    add_method,
    check_seed,
    given_hyperparameters,
)
from .recipe import add_stft, read_stft

HELP = "the same for recordings of any length, in pieces"
OPERANDS = ("INPUT", "-o", "OUTPUT")


def add_arguments(parser: Any) -> None:
    """Add the flags of this command."""
    add_files(
        parser, "audio (its phase is discarded), or an array ([channels,] bins, frames): .npy"
    )
    add_stft(parser)
    add_method(parser, "amdr", ("init", "max_iter", "backend", "length"), max_iter=100)
    add(parser, "piece", int, "frames that are computed at a time")
    add_hyperparameters(parser)


def run(settings: Any) -> None:
    """Invert a file piece by piece."""
    check_seed(settings.seed)
    stft: dict[str, Any] = {"window": "hann", **read_stft(settings)}
    n_fft = stft.get("n_fft")
    if n_fft is None:
        is_array = holds_spectrogram(settings.input)
        n_fft = max(2 * (array_shape(settings.input)[-2] - 1), 1) if is_array else 1024
    if not holds_spectrogram(settings.input):
        stft["n_fft"] = n_fft
    stft["window"] = named_window(stft["window"], max(stft.get("win_length", n_fft), 1))
    began = time.perf_counter()
    result = invert_long(
        settings.input,
        settings.output,
        settings.algorithm,
        init=settings.init,
        max_iter=settings.max_iter,
        seed=settings.seed,
        sr=settings.sr,
        piece=settings.piece,
        force=settings.force,
        verbose=not settings.quiet,
        backend=settings.backend,
        length=settings.length,
        **stft,
        **given_hyperparameters(settings),
    )
    seconds = time.perf_counter() - began
    values = ", ".join(f"{value:.2f}" for value in result.sc)
    print(
        f"{result.path}: {result.samples / result.sr:.2f} s at {result.sr} Hz, "
        f"{settings.algorithm}, {settings.max_iter} iterations in {seconds:.2f} s, sc {values} dB"
    )
