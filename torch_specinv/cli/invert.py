"""Find a waveform for a spectrogram: an array, a picture, or audio, whose phase is discarded."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..corpus.reading import read_picture
from ..errors import SpecInvError, check_choice
from ..inversion.invert import invert
from ..inversion.request import Request
from ..inversion.settings import flags
from ..io import (
    PEAKS,
    SPECTROGRAM_SUFFIXES,
    check_output,
    holds_audio,
    holds_picture,
    read_audio,
    read_spectrogram_file,
)
from ..methods.mel_to_audio import MAX_ITER
from ..solve.problem import SpectrogramProblem
from ..transform.stft import STFT
from .flags import (
    add,
    add_files,
    add_hyperparameters,
    add_method,
    check_seed,
    given_hyperparameters,
    read_device,
    switch,
)
from .outputs import arrange, output_paths, write
from .picture import add_picture, picture_conventions
from .recipe import add_recipe, add_stft, read_rate, read_recipe, read_stft, refuse_recipe

HELP = "one file in, one waveform out"
OPERANDS = ("INPUT", "-o", "OUTPUT")

# A full-scale wave may reach this by rounding
_JUST_BEYOND_1 = 1.001


def add_arguments(parser: Any) -> None:
    """Add the flags of this command."""
    arrays = ", ".join(SPECTROGRAM_SUFFIXES)
    add_files(
        parser,
        f"audio (its phase is discarded), a picture of a spectrogram, or an array (..., bins, "
        f"frames): {arrays}; a batch makes a file for each item, out_0.wav and so on",
    )
    add(parser, "key", str, "which array of a file that holds several, such as a/b/0")
    switch(parser, "channels", "the dimension before (bins, frames) holds the channels of one file")
    add(parser, "device", str, "such as cuda", "cpu")
    add(parser, "peak", str, f"what to do with a wave beyond 1: {', '.join(PEAKS)}; default: keep "
        "in .wav, normalise in others", metavar="HOW")  # fmt: skip
    switch(parser, "dry_run", "check everything and say what would be done")
    add_recipe(parser)
    add_picture(parser)
    add_stft(parser)
    names = [name for name in flags() if name != "preset"]
    # how many iterations are made depends on what is inverted
    add_method(parser, "auto", names, max_iter=None)
    add_hyperparameters(parser)


@dataclass(frozen=True)
class Job:
    """What is inverted, and with which keywords."""

    what: str
    spec: Tensor
    sr: int
    keywords: dict[str, Any]
    paths: list[Path]
    is_mel: bool = False


def run(settings: Any) -> None:
    """Invert a file."""
    # what depends on the number of files is checked when the input has been read
    output = check_output(settings.output, force=True, sr=settings.sr)
    peak = settings.peak or ("keep" if output.suffix.lower() == ".wav" else "normalise")
    check_choice("--peak", peak, PEAKS)
    check_seed(settings.seed)
    device = read_device(settings.device)
    job = (_read_audio if holds_audio(settings.input) else _read_array)(settings)
    keywords = {**job.keywords, **_run_keywords(settings, job)}
    if peak == "error":
        _refuse_beyond_1(job, keywords)
    if settings.dry_run:
        print(_describe(settings, job, keywords))
        return
    began = time.perf_counter()
    result = invert(job.spec.to(device), **keywords)
    seconds = time.perf_counter() - began
    for line in write(
        result, job.paths, job.sr, settings.algorithm, seconds, force=settings.force, peak=peak
    ):
        print(line)


def _run_keywords(settings: Any, job: Job) -> dict[str, Any]:
    """Return the common keywords and hyperparameters that were passed as flags."""
    names = ("algorithm", *(name for name in flags() if name != "preset"))
    given = {name: settings[name] for name in names if settings[name] is not None}
    usual = {"max_iter": MAX_ITER} if job.is_mel else {}
    return {
        **usual,
        **given,
        "metric": list(dict.fromkeys([settings.metric, "sc"])),
        "verbose": not settings.quiet,
        "generator": torch.Generator().manual_seed(settings.seed),
        **given_hyperparameters(settings),
    }


def _read_array(settings: Any) -> Job:
    """Read a spectrogram, from an array or a picture, and what the flags say of it."""
    path, recipe = settings.input, read_recipe(settings)
    if holds_picture(path):
        spec, found = read_picture(path, recipe, picture_conventions(settings)), None
    else:
        file = read_spectrogram_file(path, settings.key)
        spec, found = file.array, file.sr
    sr = read_rate(path, settings, recipe, found)
    spec = spec.mT if settings.transpose and spec.ndim > 1 else spec
    spec, count = arrange(spec, path, channels=settings.channels)
    channels = spec.shape[-3] if spec.ndim > (2 if count is None else 3) else 1
    paths = output_paths(settings.output, count, force=settings.force, sr=sr, channels=channels)
    what = settings.preset or ("mel spectrogram" if recipe.is_mel else "linear spectrogram")
    what = "complex spectrum, whose phase is the start" if spec.is_complex() else what
    return Job(what, spec, sr, {"preset": recipe}, paths, recipe.is_mel)


def _read_audio(settings: Any) -> Job:
    """Read audio, and throw its phase away."""
    path = Path(settings.input)
    refuse_recipe(path, settings)
    wave, sr = read_audio(path)
    if settings.sr not in (None, sr):
        raise SpecInvError(f"--sr {settings.sr}, but {path} is sampled at {sr} Hz.")
    stft: dict[str, Any] = {"n_fft": 1024, "window": "hann", **read_stft(settings)}
    spec = STFT.of_wave(wave, **stft).analyse(wave).abs()
    paths = output_paths(settings.output, None, force=settings.force, sr=sr, channels=len(wave))
    keywords = {"length": wave.shape[-1], **stft}
    return Job("audio, whose phase is discarded", spec, sr, keywords, paths)


def _pose(job: Job, keywords: dict[str, Any]) -> tuple[Request, SpectrogramProblem]:
    """Return what would be solved."""
    keywords = dict(keywords)
    request = Request.read(job.spec, keywords.pop("algorithm"), keywords)
    return request, request.problem()


def _refuse_beyond_1(job: Job, keywords: dict[str, Any]) -> None:
    """Raise if the waveform is certain to have a peak beyond 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they come with the work
        request, problem = _pose(job, keywords)
    least = request.peak_at_least(problem)
    if least > _JUST_BEYOND_1:
        raise SpecInvError(
            f"--peak error: every wave with this spectrogram reaches {least:.3g} or more, beyond 1:"
            " is the recipe right?"
        )


def _describe(settings: Any, job: Job, keywords: dict[str, Any]) -> str:
    """Check all that can be checked before any work, and say what would be done."""
    request, problem = _pose(job, keywords)
    request.check(problem)
    g = problem.stft.geometry
    samples = request.present_length(g.length)
    shape = " x ".join(map(str, job.spec.shape))
    return (
        f"{settings.input}: {job.what}, {shape}\n"
        f"STFT: n_fft={g.n_fft}, hop_length={g.hop_length}, win_length={g.win_length}, "
        f"center={g.center}, {g.frames} frames\n"
        f"{keywords['algorithm']}: {request.settings.max_iter} iterations on {settings.device}\n"
        f"{', '.join(map(str, job.paths))}: {samples} samples, {samples / job.sr:.2f} s at "
        f"{job.sr} Hz (not written: --dry-run)"
    )
