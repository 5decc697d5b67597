"""What a measurement depends on: STFT, signal, source code, versions and machine."""

from __future__ import annotations

import hashlib
import inspect
import platform
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..metrics import Metric
from ..transform.fingerprint import as_json, fingerprint
from ..transform.stft import STFT
from .peers import versions

_PACKAGE = Path(__file__).parents[1]


def describe_setting(
    stft: STFT, target: Tensor, *, metrics: Mapping[str, Metric], **about: Any
) -> str:
    """Return, as JSON, all that a measurement depends on: where it differs, measure again.

    Parameters
    ----------
    stft : STFT
        The transform: its keywords, and a digest of its window.
    target : Tensor
        The magnitude that methods are given, of which there is a digest.
    metrics : mapping of str to callable
        What is measured. Of a function that is not of this package there is a digest of its source.
    **about
        More about the clip: digests of tensors, other values as they are.
    """
    return as_json(
        fingerprint(
            stft.geometry,
            magnitude=target,
            **about,
            versions=versions(),
            metrics={name: _source_of(metric) for name, metric in metrics.items()},
            machine=f"{processor()}, {torch.get_num_threads()} threads",
            code=_digest_of_this_package(),
        )
    )


def processor() -> str:
    """Return the name of the processor."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def digest_of_sources(package: Path) -> str:
    """Return a digest of the names and contents of all Python and C++ files in a folder."""
    digest = hashlib.sha256()
    for file in sorted(package.rglob("*")):
        if file.suffix in (".py", ".h", ".cpp"):
            content = file.read_bytes()
            name = file.relative_to(package).as_posix()
            digest.update(f"{name} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()[:12]


@cache
def _digest_of_this_package() -> str:
    return digest_of_sources(_PACKAGE)


def _source_of(metric: Metric) -> str:
    """Return a digest of a user's function; those of this package are in the package's digest."""
    if getattr(metric, "__module__", "").startswith(f"{_PACKAGE.name}."):
        return "of the package"
    try:
        source = inspect.getsource(metric)
    except (OSError, TypeError):  # typed in at a prompt, or an object that can be called
        source = repr(metric)
    return hashlib.sha256(source.encode()).hexdigest()[:12]
