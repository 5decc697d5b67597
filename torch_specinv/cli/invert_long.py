"""Find a waveform for a recording of any length, in little memory; interrupted, it resumes."""

from __future__ import annotations

import time
from typing import Any

from ..errors import SpecInvError
from ..io import holds_audio, holds_spectrogram
from ..long import invert_long
from ..mel import Preset
from .flags import (
    add,
    add_files,
    add_hyperparameters,
    add_method,
    check_seed,
    given_hyperparameters,
)
from .recipe import add_recipe, add_stft, read_recipe, read_stft

HELP = "the same for recordings of any length, in pieces"
OPERANDS = ("INPUT", "-o", "OUTPUT")


def add_arguments(parser: Any) -> None:
    """Add the flags of this command."""
    add_files(
        parser, "audio (its phase is discarded), or an array ([channels,] rows, frames): .npy, .npz"
    )
    add(parser, "key", str, "which array of an .npz file")
    add_recipe(parser)
    add_stft(parser)
    add_method(parser, "amdr", ("init", "max_iter", "backend", "length"), max_iter=100)
    add(parser, "piece", int, "frames that are computed at a time")
    add_hyperparameters(parser)


def run(settings: Any) -> None:
    """Invert a file piece by piece."""
    check_seed(settings.seed)
    began = time.perf_counter()
    result = invert_long(
        settings.input,
        settings.output,
        settings.algorithm,
        init=settings.init,
        max_iter=settings.max_iter,
        seed=settings.seed,
        piece=settings.piece,
        force=settings.force,
        verbose=not settings.quiet,
        backend=settings.backend,
        length=settings.length,
        **(_of_array if holds_spectrogram(settings.input) else _of_audio)(settings),
        **given_hyperparameters(settings),
    )
    seconds = time.perf_counter() - began
    values = ", ".join(f"{value:.2f}" for value in result.sc)
    print(
        f"{result.path}: {result.samples / result.sr:.2f} s at {result.sr} Hz, "
        f"{settings.algorithm}, {settings.max_iter} iterations in {seconds:.2f} s, sc {values} dB"
    )


def _of_array(settings: Any) -> dict[str, Any]:
    """Return what was said of an array."""
    recipe = read_recipe(settings)
    sr = recipe.sr or settings.sr
    return {"preset": recipe, "sr": sr, "key": settings.key, "transpose": settings.transpose}


def _of_audio(settings: Any) -> dict[str, Any]:
    """Return the STFT of audio."""
    stft: dict[str, Any] = {"n_fft": 1024, "window": "hann", **read_stft(settings)}
    recipe = read_recipe(settings)
    if holds_audio(settings.input) and recipe != Preset.plain(settings.sr, **read_stft(settings)):
        raise SpecInvError(
            f"{settings.input} is audio, but a recipe is for arrays: leave out its flags."
        )
    return {**stft, "sr": settings.sr}
