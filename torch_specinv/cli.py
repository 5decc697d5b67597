"""The command line: ``specinv demo``, ``specinv invert`` and ``specinv compare``.

Exit codes: 0 done, 1 an error told in one line, 2 wrong usage.
"""

from __future__ import annotations

import dataclasses
import sys
import time
import typing
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .errors import SpecInvError, check_choice, check_count
from .geometry import STFTKeywords
from .inverting import invert
from .io import (
    SPECTROGRAM_SUFFIXES,
    check_output,
    holds_spectrogram,
    read_audio,
    read_spectrogram,
    write_audio,
)
from .metrics import METRICS
from .padding import PAD_MODES
from .phase import PHASES
from .solve import ALGORITHMS
from .stft import STFT

WINDOWS = {
    "hann": torch.hann_window,
    "hamming": torch.hamming_window,
    "blackman": torch.blackman_window,
    "bartlett": torch.bartlett_window,
    "kaiser": torch.kaiser_window,
    "ones": torch.ones,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        parser = _parser()
    except ImportError as error:
        return _fail(f"{error}. The command line needs: python -m pip install 'torch_specinv[cli]'")
    settings: Any = parser.parse_args(arguments)
    command = settings.subcommand
    if command is None:
        parser.print_help()
        return 2
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            _COMMANDS[command](settings[command])
        except (SpecInvError, OSError) as error:
            return _fail(str(error))
        except KeyboardInterrupt:
            return _fail("interrupted; nothing was written.")
    return 0


def _parser() -> Any:
    """Build the parser; hyperparameters are read off the algorithms' dataclasses."""
    import jsonargparse
    from jsonargparse import ArgumentParser

    config: Any = vars(jsonargparse)["ActionConfigFile"]  # public, but not marked so for typing

    demo = ArgumentParser(description="Invert two made-up clips by every method and compare.")
    demo.add_argument("--folder", type=Path | None, help="where to write; default: a new folder")
    demo.add_argument("--max-iter", type=int, default=100, help="iterations of each method")
    demo.add_argument("--sr", type=int, default=22050, help="sample rate in Hz")
    demo.add_argument("--force", action="store_true", help="write into a folder that exists")

    inv = ArgumentParser(description="Find a waveform for a magnitude spectrogram.")
    inv.add_argument(
        "input",
        type=Path,
        help="audio (its phase is thrown away), or an array (..., bins, frames) in "
        + ", ".join(SPECTROGRAM_SUFFIXES),
    )
    inv.add_argument("-o", "--output", type=Path, required=True, help=".wav, .flac or .ogg")
    inv.add_argument("--config", action=config, help="YAML file of these settings")
    inv.add_argument("--force", action="store_true", help="overwrite the output")
    inv.add_argument("--quiet", action="store_true", help="no progress bar")
    inv.add_argument("--key", type=str | None, help="which array of an .npz or .pt file")
    inv.add_argument("--sr", type=int | None, help="sample rate in Hz; audio brings its own")
    inv.add_argument("--device", type=str, default="cpu", help="such as cuda")
    stft = inv.add_argument_group("STFT", "the spectrogram's own settings")
    stft.add_argument("--n-fft", type=int | None, help="default: from the bins; 1024 for audio")
    stft.add_argument("--hop-length", type=int | None, help="default: n_fft // 4")
    stft.add_argument("--win-length", type=int | None, help="default: n_fft")
    stft.add_argument("--window", type=str, default="hann", help=", ".join(WINDOWS))
    stft.add_argument("--center", type=bool, default=True, help="frames are centred, ends padded")
    stft.add_argument("--pad-mode", type=str, default="reflect", help=", ".join(PAD_MODES))
    stft.add_argument("--normalized", type=bool, default=False, help="divided by sqrt(n_fft)")
    stft.add_argument("--length", type=int | None, help="samples of the waveform")
    how = inv.add_argument_group("inversion")
    how.add_argument("--algorithm", type=str, default="auto", help=", ".join(ALGORITHMS))
    how.add_argument(
        "--init", type=str | None, help=f"{', '.join(PHASES)}; default: what suits the algorithm"
    )
    how.add_argument("--seed", type=int, default=0, help="of random phases")
    how.add_argument("--max-iter", type=int, default=200)
    how.add_argument("--tol", type=float, default=1e-6)
    how.add_argument("--eva-iter", type=int, default=10, help="iterations between evaluations")
    how.add_argument("--metric", type=str, default="sc", help=", ".join(METRICS))
    own = inv.add_argument_group("hyperparameters of the algorithm")
    for field, uses in _hyperparameters().items():
        texts = [f"{name}: default {default}" for name, (_kind, default) in uses.items()]
        kind = next(iter(uses.values()))[0]
        own.add_argument(f"--{field.replace('_', '-')}", type=kind | None, help="; ".join(texts))

    com = ArgumentParser(description="Compare methods on audio files: every one, and peers.")
    com.add_argument("files", type=Path, nargs="+", help="audio files; their first channel is used")
    com.add_argument("--folder", type=Path, default=Path("specinv_compare"), help="for the results")
    com.add_argument("--methods", type=str | None, help="names with commas; default: all")
    com.add_argument("--iterations", type=str, default="32,100,200", help="numbers with commas")
    com.add_argument("--seconds", type=float | None, help="use no more of each file")
    com.add_argument("--n-fft", type=int, default=1024)
    com.add_argument("--hop-length", type=int | None, help="default: n_fft // 4")
    com.add_argument("--window", type=str, default="hann", help=", ".join(WINDOWS))

    parser = ArgumentParser(prog="specinv", description="Spectrogram phase inversion.")
    commands = parser.add_subcommands(required=False)
    commands.add_subcommand("demo", demo, help="two clips, every method, a table and a picture")
    commands.add_subcommand("compare", com, help="files in, a table of all methods out")
    commands.add_subcommand("invert", inv, help="one file in, one waveform out")
    return parser


def _hyperparameters() -> dict[str, dict[str, tuple[Any, Any]]]:
    """Return, for each hyperparameter, its type and default in each algorithm that has it."""
    found: dict[str, dict[str, tuple[Any, Any]]] = {}
    for name, algorithm in ALGORITHMS.items():
        hints = typing.get_type_hints(algorithm)
        for field in dataclasses.fields(typing.cast(Any, algorithm)):
            options = typing.get_args(hints[field.name]) or (hints[field.name],)
            kind = next(option for option in options if option in (int, float, bool, str))
            found.setdefault(field.name, {})[name] = (kind, field.default)
    return found


def _demo(settings: Any) -> None:
    from .demo import run_demo

    folder = run_demo(
        settings.folder, max_iter=settings.max_iter, sr=settings.sr, force=settings.force
    )
    print(f"\nListen to the wav files and look at comparison.png in {folder.resolve()}")


def _compare(settings: Any) -> None:
    from .comparing import compare, peers, summary
    from .plots import plot_curves

    methods = [*ALGORITHMS, *peers()] if settings.methods is None else settings.methods.split(",")
    try:
        budgets = [check_count("iterations", int(n)) for n in settings.iterations.split(",")]
    except ValueError as error:
        raise SpecInvError(f"iterations={settings.iterations!r}: expected 32,100,200.") from error
    window = WINDOWS[check_choice("window", settings.window, WINDOWS)](settings.n_fft)
    clips: list[tuple[str, Tensor]] = []
    for file in settings.files:
        wave, sr = read_audio(file)
        end = None if settings.seconds is None else max(1, round(settings.seconds * sr))
        clips.append((file.name, wave[0, :end]))
    settings.folder.mkdir(parents=True, exist_ok=True)
    measured = list(
        compare(
            clips,
            methods,
            budgets,
            settings.folder / "results.jsonl",
            n_fft=settings.n_fft,
            hop_length=settings.hop_length,
            window=window,
        )
    )
    text = summary(measured)
    (settings.folder / "table.md").write_text(text + "\n", encoding="utf-8")
    curves: dict[str, list[tuple[float, float, float]]] = {}
    for method in methods:
        for budget in budgets:
            group = [m for m in measured if (m.method, m.iterations) == (method, budget)]
            seconds, error = (
                float(torch.tensor([getattr(m, name) for m in group]).quantile(0.5))
                for name in ("seconds", "sc")
            )
            curves.setdefault(method, []).append((budget, seconds, error))
    plot_curves(settings.folder / "comparison.png", curves, force=True)
    print(f"{text}\n\nMeasurements, table and picture are in {settings.folder.resolve()}")


def _invert(settings: Any) -> None:
    output = check_output(settings.output, force=settings.force)
    if settings.sr is not None:
        check_count("sr", settings.sr)
    if not 0 <= settings.seed < 2**63:
        raise SpecInvError(f"seed={settings.seed}: expected a number of at most 63 bits.")
    device = _device(settings.device)
    spec, sr, length, keywords = _read(settings)
    window = keywords.get("window")
    keywords["window"] = None if window is None else window.to(device)
    began = time.perf_counter()
    result = invert(
        spec.to(device),
        settings.algorithm,
        init=settings.init,
        max_iter=settings.max_iter,
        tol=settings.tol,
        eva_iter=settings.eva_iter,
        metric=list(dict.fromkeys([settings.metric, "sc"])),
        verbose=not settings.quiet,
        length=length if settings.length is None else settings.length,
        generator=torch.Generator().manual_seed(settings.seed),
        **keywords,
        **_given_hyperparameters(settings),
    )
    seconds = time.perf_counter() - began
    write_audio(output, result.wave, sr, force=settings.force)
    values = ", ".join(f"{name} {rows[-1].mean():.2f} dB" for name, rows in result.history.items())
    print(
        f"{output}: {result.wave.shape[-1] / sr:.2f} s at {sr} Hz, {settings.algorithm}, "
        f"{int(result.iterations.max())} iterations in {seconds:.2f} s, {values}"
    )


def _read(settings: Any) -> tuple[Tensor, int, int | None, STFTKeywords]:
    """Read the input: its spectrogram, sample rate, length where known, and STFT keywords."""
    keywords: STFTKeywords = {
        "n_fft": settings.n_fft,
        "hop_length": settings.hop_length,
        "win_length": settings.win_length,
        "center": settings.center,
        "pad_mode": settings.pad_mode,
        "normalized": settings.normalized,
    }
    if holds_spectrogram(settings.input):
        if settings.sr is None:
            raise SpecInvError(f"{settings.input} does not tell its sample rate: pass --sr.")
        spec = read_spectrogram(settings.input, settings.key)
        if spec.ndim > 3:
            raise SpecInvError(
                f"{settings.input} holds shape {tuple(spec.shape)}: one file is made of (bins, "
                "frames) or (channels, bins, frames)."
            )
        n_fft = settings.n_fft or (2 * (spec.shape[-2] - 1) if spec.ndim > 1 else 1)
        keywords["window"] = _window(settings, n_fft)
        return spec, settings.sr, None, keywords
    wave, sr = read_audio(settings.input)
    n_fft = 1024 if settings.n_fft is None else settings.n_fft
    keywords["n_fft"] = n_fft
    keywords["window"] = _window(settings, n_fft)
    stft = STFT.of_wave(wave, **keywords)
    return stft.analyse(wave).abs(), sr, wave.shape[-1], keywords


def _window(settings: Any, n_fft: int) -> Tensor:
    make = WINDOWS[check_choice("window", settings.window, WINDOWS)]
    return make(max(settings.win_length or n_fft, 1))


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
    return {name: settings[name] for name in _hyperparameters() if settings.get(name) is not None}


def _show_warning(message: Warning | str, *_args: Any, **_kwargs: Any) -> None:
    _say(f"warning: {message}")


def _say(text: str) -> None:
    print(f"specinv: {text}", file=sys.stderr)


def _fail(text: str) -> int:
    _say(f"error: {' '.join(text.split())}")
    return 1


_COMMANDS = {"compare": _compare, "demo": _demo, "invert": _invert}

if __name__ == "__main__":
    sys.exit(main())
