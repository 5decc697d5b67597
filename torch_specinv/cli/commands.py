"""What the commands do with their settings."""

from __future__ import annotations

import sys
import time
from typing import Any

import torch
from torch import Tensor

from ..config import show_config
from ..doctor import diagnose
from ..errors import SpecInvError, check_count
from ..inversion.invert import invert
from ..inversion.settings import flags
from ..io import (
    SPECTROGRAM_SUFFIXES,
    check_output,
    holds_spectrogram,
    read_audio,
    read_spectrogram,
    write_audio,
)
from ..long import invert_long
from ..mel import preset
from ..methods.mel_to_audio import invert_mel
from ..metrics import metric_info
from ..solve.result import Inversion
from ..transform.geometry import STFTKeywords
from ..transform.named_windows import parse_window
from ..transform.stft import STFT
from .parser import all_hyperparameters


def _info(_settings: Any) -> None:
    show_config()


def _demo(settings: Any) -> None:
    from ..comparing.demo import run_demo

    folder = run_demo(
        settings.folder, max_iter=settings.max_iter, sr=settings.sr, force=settings.force
    )
    print(f"\nListen to the wav files and look at comparison.png in {folder.resolve()}")


def _compare(settings: Any) -> None:
    from ..comparing import Degradation, compare_files

    try:
        iterations = [check_count("iterations", int(n)) for n in settings.iterations.split(",")]
    except ValueError as error:
        raise SpecInvError(f"iterations={settings.iterations!r}: expected 32,100,200.") from error
    kinds = settings.degrade.split(",") if settings.degrade is not None else []
    text = compare_files(
        settings.files,
        settings.folder,
        methods=None if settings.methods is None else settings.methods.split(","),
        degrade=[Degradation.read(kind, settings.seed) for kind in kinds],
        iterations=iterations,
        seconds=settings.seconds,
        speech=settings.speech,
        n_fft=settings.n_fft,
        hop_length=settings.hop_length,
        window=parse_window(settings.window),
    )
    _print(f"{text}\n\nSeconds are those of {torch.get_num_threads()} threads of torch.")
    made = "Measurements and tables" if kinds else "Measurements, table and picture"
    _print(f"{made} are in {settings.folder.resolve()}")


def _print(text: str) -> None:
    """Print; characters that the terminal's encoding does not have become question marks."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding))


def _doctor(settings: Any) -> None:
    if not holds_spectrogram(settings.file):
        raise SpecInvError(
            f"{settings.file}: the doctor looks at arrays, {', '.join(SPECTROGRAM_SUFFIXES)}; "
            "audio needs none."
        )
    found = diagnose(read_spectrogram(settings.file, settings.key), settings.sr)
    print(found)
    if found.call:
        key = f", {settings.key!r}" if settings.key else ""
        print(f"\nwith spec = torch_specinv.io.read_spectrogram({str(settings.file)!r}{key})")


def _invert(settings: Any) -> None:
    output = check_output(settings.output, force=settings.force, sr=settings.sr)
    _check_seed(settings.seed)
    device = _device(settings.device)
    began = time.perf_counter()
    result, sr = (_invert_linear if settings.preset is None else _invert_preset)(settings, device)
    seconds = time.perf_counter() - began
    peak = float(result.wave.abs().max())
    write_audio(output, result.wave, sr, force=settings.force)
    inexact = sorted(set(result.kinds) - {"exact"})
    values = ", ".join(
        f"{name} {metric_info(name).with_unit(float(rows[-1].mean()))}"
        for name, rows in result.history.items()
    )
    print(
        f"{output}: {result.wave.shape[-1] / sr:.2f} s at {sr} Hz, {settings.algorithm}, "
        f"{int(result.iterations.max())} iterations in {seconds:.2f} s, {values}"
        + (f"; the magnitude is {', '.join(inexact)}" if inexact else "")
        + (f"; it reaches {peak:.3g}, which players clip to 1" if peak > 1 else "")
    )


def _run_keywords(settings: Any) -> dict[str, Any]:
    """Return the common keywords and hyperparameters that were passed as flags."""
    given = {name: settings[name] for name in ("algorithm", *flags()) if settings[name] is not None}
    return {
        **given,
        "metric": list(dict.fromkeys([settings.metric, "sc"])),
        "verbose": not settings.quiet,
        "generator": torch.Generator().manual_seed(settings.seed),
        **_given_hyperparameters(settings),
    }


def _invert_linear(settings: Any, device: torch.device) -> tuple[Inversion, int]:
    """Invert a spectrogram, or that of audio, whose phase is thrown away."""
    spec, sr, length, keywords = _read(settings)
    run: dict[str, Any] = {"length": length, **_run_keywords(settings)}
    return invert(spec.to(device), **run, **keywords), sr


def _invert_preset(settings: Any, device: torch.device) -> tuple[Inversion, int]:
    """Invert a mel spectrogram whose conventions are a preset's."""
    usual = {"window": "hann", "center": True, "pad_mode": "reflect", "normalized": False}
    usual |= dict.fromkeys(("sr", "n_fft", "hop_length", "win_length"))
    given = [f"--{k.replace('_', '-')}" for k, value in usual.items() if settings[k] != value]
    if given:
        raise SpecInvError(
            f"{', '.join(given)} and --preset {settings.preset}: a preset says it all."
        )
    if not holds_spectrogram(settings.input):
        raise SpecInvError(f"{settings.input} is audio, but --preset is for mel spectrograms.")
    spec = read_spectrogram(settings.input, settings.key)
    if spec.ndim == 3 and len(spec) == 1:
        spec = spec[0]
    result = invert_mel(spec.to(device), settings.preset, {}, **_run_keywords(settings))
    return result, preset(settings.preset).mel.sr


def _invert_long(settings: Any) -> None:
    _check_seed(settings.seed)
    keywords = _stft_keywords(settings)
    if settings.n_fft is None and not holds_spectrogram(settings.input):
        keywords["n_fft"] = 1024
    keywords["window"] = parse_window(settings.window)
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
        **keywords,
        **_given_hyperparameters(settings),
    )
    seconds = time.perf_counter() - began
    values = ", ".join(f"{value:.2f}" for value in result.sc)
    print(
        f"{result.path}: {result.samples / result.sr:.2f} s at {result.sr} Hz, "
        f"{settings.algorithm}, {settings.max_iter} iterations in {seconds:.2f} s, sc {values} dB"
    )


def _check_seed(seed: int) -> None:
    if not 0 <= seed < 2**63:
        raise SpecInvError(f"seed={seed}: expected a number of at most 63 bits.")


def _stft_keywords(settings: Any) -> STFTKeywords:
    """Return the keywords that need not be made to fit."""
    return {
        "n_fft": settings.n_fft,
        "hop_length": settings.hop_length,
        "win_length": settings.win_length,
        "center": settings.center,
        "pad_mode": settings.pad_mode,
        "normalized": settings.normalized,
    }


def _read(settings: Any) -> tuple[Tensor, int, int | None, STFTKeywords]:
    """Read the input: its spectrogram, sample rate, length where known, and STFT keywords."""
    keywords = _stft_keywords(settings)
    if holds_spectrogram(settings.input):
        if settings.sr is None:
            raise SpecInvError(f"{settings.input} does not tell its sample rate: pass --sr.")
        spec = read_spectrogram(settings.input, settings.key)
        if spec.ndim > 3:
            raise SpecInvError(
                f"{settings.input} holds shape {tuple(spec.shape)}: one file is made of (bins, "
                "frames) or (channels, bins, frames)."
            )
        if spec.is_complex():
            print(f"{settings.input} is complex: its phase is the start.")
        keywords["window"] = parse_window(settings.window)
        return spec, settings.sr, None, keywords
    wave, sr = read_audio(settings.input)
    if settings.sr not in (None, sr):
        raise SpecInvError(f"sr={settings.sr}, but {settings.input} has {sr} Hz of its own.")
    keywords["n_fft"] = 1024 if settings.n_fft is None else settings.n_fft
    keywords["window"] = parse_window(settings.window)
    stft = STFT.of_wave(wave, **keywords)
    return stft.analyse(wave).abs(), sr, wave.shape[-1], keywords


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise SpecInvError(f"device={name!r} is not available: {reason}") from error
    return device


def _given_hyperparameters(settings: Any) -> dict[str, Any]:
    """Return the hyperparameters that were passed as flags."""
    return {
        name: settings[name] for name in all_hyperparameters() if settings.get(name) is not None
    }


#: The commands by name.
COMMANDS = {
    "compare": _compare,
    "demo": _demo,
    "doctor": _doctor,
    "info": _info,
    "invert": _invert,
    "invert-long": _invert_long,
}
