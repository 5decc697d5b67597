"""Flags that several commands share; hyperparameters are read off the algorithms' dataclasses."""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from ..engines import ENGINES
from ..errors import SpecInvError
from ..inversion.settings import DEFAULTS, flags, summary
from ..methods.mel_to_audio import MAX_ITER
from ..metrics import METRICS
from ..phase import PHASES
from ..solve import ALGORITHMS


def add(group: Any, name: str, kind: Any, text: str, default: Any = None, **more: Any) -> None:
    """Add a flag with a value."""
    shown = "" if default is None or "default" in text else f" (default: {default})"
    group.add_argument(
        _spell(name),
        type=kind if default is not None else kind | None,
        default=default,
        help=text + shown,
        metavar=more.get("metavar", {int: "N", float: "X", bool: "BOOL"}.get(kind, "NAME")),
    )


def switch(group: Any, name: str, text: str) -> None:
    """Add a flag without a value."""
    group.add_argument(_spell(name), action="store_true", help=text)


def _spell(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def read_path(text: str) -> Path:
    """Return a path; its name need not be text."""
    return Path(text)


def add_files(parser: Any, text: str) -> None:
    """Add the input, the output and how they are treated."""
    parser.add_argument("input", type=read_path, help=text)
    parser.add_argument(
        "-o", "--output", type=read_path, required=True, help="ends in .wav, .flac or .ogg"
    )
    parser.add_config()
    switch(parser, "force", "overwrite the output")
    switch(parser, "quiet", "no progress bar")
    add(parser, "sr", int, "sample rate in Hz; audio and presets bring their own", metavar="HZ")


def add_method(parser: Any, algorithm: str, names: Iterable[str], **defaults: Any) -> None:
    """Add the common keywords with these names; `defaults` for those that differ."""
    how = parser.add_argument_group("inversion")
    add(how, "algorithm", str, ", ".join(ALGORITHMS), algorithm, metavar="NAME")
    add(how, "seed", int, "of random phases", 0)
    choices = {
        "init": f"phase initialization: {', '.join(PHASES)}; default: what suits the algorithm",
        "metric": ", ".join(METRICS),
        "backend": f"auto, {', '.join(ENGINES)}",
    }
    if "max_iter" in defaults and defaults["max_iter"] is None:
        usual = f"{DEFAULTS['max_iter']}, or {MAX_ITER} for mel spectrograms"
        choices["max_iter"] = f"{summary('max_iter')}; default: {usual}"
    for name in names:
        default = defaults.get(name, DEFAULTS[name])
        add(how, name, flags()[name], choices.get(name, summary(name)), default)


def add_hyperparameters(parser: Any) -> None:
    """Add the hyperparameters of all algorithms."""
    own = parser.add_argument_group("hyperparameters of the algorithm")
    for field, uses in all_hyperparameters().items():
        kind = next(iter(uses.values()))[0]
        meanings: dict[str, list[str]] = {}
        for name, (_kind, default) in uses.items():
            meaning = _meaning(ALGORITHMS.named(name), field)
            meanings.setdefault(meaning, []).append(f"{name}: {default}")
        texts = [f"{meaning} (default of {', '.join(of)})" for meaning, of in meanings.items()]
        add(own, field, kind, "; ".join(texts))


def _meaning(algorithm: type[Any], field: str) -> str:
    """Return the first sentence of what an algorithm's docstring says of a hyperparameter."""
    found = re.search(rf"^{field} : .*\n((?:    .*\n?)+)", inspect.getdoc(algorithm) or "", re.M)
    text = " ".join(found[1].split()) if found else field
    text = re.sub(r":\w+:`([^`]*)`", r"\1", text).replace("`", "")
    return text.partition(". ")[0].rstrip(".")


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


def given_hyperparameters(settings: Any) -> dict[str, Any]:
    """Return the hyperparameters that were passed as flags."""
    return {
        name: settings[name] for name in all_hyperparameters() if settings.get(name) is not None
    }


def check_seed(seed: int) -> int:
    """Return a seed that generators take."""
    if not 0 <= seed < 2**63:
        raise SpecInvError(f"--seed {seed}: expected a number of at most 63 bits.")
    return seed


def read_device(name: str) -> torch.device:
    """Return a device that is there."""
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise SpecInvError(f"--device {name!r} is not available: {reason}") from error
    return device
