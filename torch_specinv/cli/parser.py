"""The arguments of the command line; hyperparameters are read off the algorithms' dataclasses."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..comparing.degrade import DEGRADATIONS
from ..engines import ENGINES
from ..inversion.settings import DEFAULTS, flags, summary
from ..io import SPECTROGRAM_SUFFIXES
from ..mel import PRESETS
from ..methods.mel_to_audio import MAX_ITER
from ..metrics import METRICS
from ..phase import PHASES
from ..solve import ALGORITHMS
from ..transform.named_windows import WINDOWS
from ..transform.padding import PAD_MODES

_WINDOWS = f"{', '.join(WINDOWS)}; with a parameter as kaiser:14"


def make_parser() -> Any:
    """Build the parser; hyperparameters are read off the algorithms' dataclasses."""
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(prog="specinv", description="Spectrogram phase inversion.")
    commands = parser.add_subcommands(required=False)
    commands.add_subcommand("demo", _demo(), help="two clips, every method, a table and a picture")
    commands.add_subcommand("doctor", _doctor(), help="one array in, what it probably is out")
    commands.add_subcommand("compare", _compare(), help="files in, a table of all methods out")
    commands.add_subcommand("invert", _invert(), help="one file in, one waveform out")
    commands.add_subcommand(
        "invert-long", _invert_long(), help="the same for recordings of any length, in pieces"
    )
    commands.add_subcommand("info", _info(), help="what is installed and which engines there are")
    return parser


def _info() -> Any:
    from jsonargparse import ArgumentParser

    return ArgumentParser(description="Show versions, the processor's instructions and engines.")


def _demo() -> Any:
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(description="Invert two made-up clips by every method and compare.")
    parser.add_argument("--folder", type=Path | None, help="where to write; default: a new folder")
    parser.add_argument("--max-iter", type=int, default=100, help="iterations of each method")
    parser.add_argument("--sr", type=int, default=22050, help="sample rate in Hz")
    parser.add_argument("--force", action="store_true", help="write into a folder that exists")
    return parser


def _compare() -> Any:
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(description="Compare methods on audio files: every one, and peers.")
    parser.add_argument(
        "files", type=Path, nargs="+", help="audio files; their first channel is used"
    )
    parser.add_argument(
        "--folder", type=Path, default=Path("specinv_compare"), help="for the results"
    )
    parser.add_argument(
        "--methods", type=str | None, help="names with commas, also griffin_lim:spsi; default: all"
    )
    parser.add_argument(
        "--degrade",
        type=str | None,
        help=f"make magnitudes wrong first, such as smooth,noisy:0.5: {', '.join(DEGRADATIONS)}",
    )
    parser.add_argument("--seed", type=int, default=0, help="of --degrade")
    parser.add_argument("--iterations", type=str, default="32,100,200", help="numbers with commas")
    parser.add_argument("--seconds", type=float | None, help="use no more of each file")
    parser.add_argument(
        "--speech", action="store_true", help="PESQ and ESTOI, where pesq and pystoi are installed"
    )
    parser.add_argument("--n-fft", type=int, default=1024)
    parser.add_argument("--hop-length", type=int | None, help="default: n_fft // 4")
    parser.add_argument("--window", type=str, default="hann", help=_WINDOWS)
    return parser


def _doctor() -> Any:
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(
        description="Say what an array is, from its numbers alone: axes, mel or linear, magnitude, "
        "power, logarithm or dB, and which preset made it."
    )
    parser.add_argument("file", type=Path, help=", ".join(SPECTROGRAM_SUFFIXES))
    parser.add_argument("--key", type=str | None, help="which array of an .npz or .pt file")
    parser.add_argument("--sr", type=int | None, help="sample rate in Hz, where it is known")
    return parser


def _invert() -> Any:
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(description="Find a waveform for a magnitude spectrogram.")
    _add_files(parser, "(..., bins, frames) in " + ", ".join(SPECTROGRAM_SUFFIXES))
    parser.add_argument("--key", type=str | None, help="which array of an .npz or .pt file")
    parser.add_argument("--device", type=str, default="cpu", help="such as cuda")
    parser.add_argument(
        "--preset", type=str | None, help=f"the array is a mel spectrogram of {', '.join(PRESETS)}"
    )
    _add_stft(parser)
    # how many are made depends on what is inverted
    _add_method(parser, "auto", flags(), max_iter=None)
    _add_hyperparameters(parser)
    return parser


def _invert_long() -> Any:
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(
        description="Find a waveform for a recording of any length, in little memory. A run that "
        "was interrupted goes on when it is started again."
    )
    _add_files(parser, "([channels,] bins, frames) in .npy")
    _add_stft(parser)
    _add_method(parser, "amdr", ("init", "max_iter", "backend", "length"), max_iter=100)
    parser.add_argument("--piece", type=int | None, help="frames that are computed at a time")
    _add_hyperparameters(parser)
    return parser


def _add_files(parser: Any, array: str) -> None:
    import jsonargparse

    config: Any = vars(jsonargparse)["ActionConfigFile"]  # public, but not marked so for typing
    parser.add_argument(
        "input", type=Path, help=f"audio (its phase is thrown away), or an array {array}"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help=".wav, .flac or .ogg")
    parser.add_argument("--config", action=config, help="YAML file of these settings")
    parser.add_argument("--force", action="store_true", help="overwrite the output")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.add_argument("--sr", type=int | None, help="sample rate in Hz; audio brings its own")


def _add_stft(parser: Any) -> None:
    stft = parser.add_argument_group("STFT", "the spectrogram's own settings")
    stft.add_argument("--n-fft", type=int | None, help="default: from the bins; 1024 for audio")
    stft.add_argument("--hop-length", type=int | None, help="default: n_fft // 4")
    stft.add_argument("--win-length", type=int | None, help="default: n_fft")
    stft.add_argument("--window", type=str, default="hann", help=_WINDOWS)
    stft.add_argument("--center", type=bool, default=True, help="frames are centred, ends padded")
    stft.add_argument("--pad-mode", type=str, default="reflect", help=", ".join(PAD_MODES))
    stft.add_argument("--normalized", type=bool, default=False, help="divided by sqrt(n_fft)")


def _add_method(parser: Any, algorithm: str, names: Iterable[str], **defaults: Any) -> None:
    """Add the common keywords with these names; `defaults` for those that differ."""
    how = parser.add_argument_group("inversion")
    how.add_argument("--algorithm", type=str, default=algorithm, help=", ".join(ALGORITHMS))
    how.add_argument("--seed", type=int, default=0, help="of random phases")
    choices = {
        "init": f"{', '.join(PHASES)}; default: what suits the algorithm",
        "metric": ", ".join(METRICS),
        "backend": f"auto, {', '.join(ENGINES)}",
    }
    if "max_iter" in defaults and defaults["max_iter"] is None:
        usual = f"{DEFAULTS['max_iter']}, or {MAX_ITER} with --preset"
        choices["max_iter"] = f"{summary('max_iter')}; default: {usual}"
    for name in names:
        kind, default = flags()[name], defaults.get(name, DEFAULTS[name])
        how.add_argument(
            f"--{name.replace('_', '-')}",
            type=kind if default is not None else kind | None,
            default=default,
            help=choices.get(name, summary(name)),
        )


def _add_hyperparameters(parser: Any) -> None:
    own = parser.add_argument_group("hyperparameters of the algorithm")
    for field, uses in all_hyperparameters().items():
        texts = [f"{name}: default {default}" for name, (_kind, default) in uses.items()]
        kind = next(iter(uses.values()))[0]
        own.add_argument(f"--{field.replace('_', '-')}", type=kind | None, help="; ".join(texts))


def all_hyperparameters() -> dict[str, dict[str, tuple[Any, Any]]]:
    """Return, for each hyperparameter, its type and default in each algorithm that has it."""
    found: dict[str, dict[str, tuple[Any, Any]]] = {}
    for name, algorithm in ALGORITHMS.items():
        hints = typing.get_type_hints(algorithm)
        for field in dataclasses.fields(typing.cast(Any, algorithm)):
            options = typing.get_args(hints[field.name]) or (hints[field.name],)
            kind = next(option for option in options if option in (int, float, bool, str))
            found.setdefault(field.name, {})[name] = (kind, field.default)
    return found
