"""Tensors in .safetensors."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ..entries import Group, Stored
from .table import READERS, optional


@READERS.register(".safetensors")
@contextmanager
def read_safetensors(path: Path) -> Generator[Group]:
    """Yield the tensors by name, with the file's metadata as attributes."""
    with optional(path):
        from safetensors import safe_open
    with safe_open(path, framework="pt") as file:

        def entry(name: str) -> Stored:
            shape = tuple(file.get_slice(name).get_shape())
            return Stored(shape, partial(file.get_tensor, name))

        metadata: dict[str, Any] = file.metadata() or {}
        yield Group(file.keys(), entry, metadata)
