"""Tensors of PyTorch: .pt and .pth."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ..sizes import check_bytes
from .table import READERS


@READERS.register(".pth")
@READERS.register(".pt")
@contextmanager
def read_torch(path: Path) -> Generator[Any]:
    """Yield what :func:`torch.save` was given: a tensor, or dictionaries and lists of them."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
        check_bytes(
            path,
            sum(info.file_size for info in entries),
            sum(info.compress_size for info in entries),
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of how the file was saved, which changes nothing
        content = torch.load(path, map_location="cpu", weights_only=True)
    yield content
