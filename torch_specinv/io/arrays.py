"""Spectrograms from files. Reading never runs code."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from ..errors import SpecInvError
from .files import existing

SPECTROGRAM_SUFFIXES = (".npy", ".npz", ".pt")


def read_spectrogram(path: str | Path, key: str | None = None) -> Tensor:
    """Read a magnitude or complex spectrogram.

    Parameters
    ----------
    path : str or Path
        A .npy, .npz or .pt file. Pickled objects are refused: a file can never run code.
    key : str, optional
        Which array to take where the file holds several by name.

    Returns
    -------
    Tensor
        The array, expected to be (..., bins, frames).

    Raises
    ------
    SpecInvError
        If the file is missing, unreadable, truncated, or does not name one array.
    """
    path = existing(path)
    if not holds_spectrogram(path):
        raise SpecInvError(f"{path}: expected one of {', '.join(SPECTROGRAM_SUFFIXES)}.")
    try:
        if path.suffix.lower() == ".pt":
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
        else:
            with path.open("rb") as file:
                content = np.load(file, allow_pickle=False)
                if isinstance(content, np.lib.npyio.NpzFile):
                    content = {name: content[name] for name in content.files}
        array = _pick(content, key, path)
        if not isinstance(array, Tensor):
            # torch knows the machine's own byte order only
            array = torch.from_numpy(array.astype(array.dtype.newbyteorder("=")))
    except SpecInvError:
        raise
    except TypeError as error:
        raise SpecInvError(f"{path} does not hold numbers that torch knows: {error}") from error
    except (
        OSError,
        ValueError,
        RuntimeError,
        EOFError,
        KeyError,
        pickle.UnpicklingError,
    ) as error:
        reason = str(error).partition("\n")[0]
        raise SpecInvError(
            f"{path} cannot be read as an array: {reason} (truncated, or saved with pickle?)"
        ) from error
    except Exception as error:  # a damaged zip archive raises errors of its own
        raise SpecInvError(f"{path} is damaged: {error}") from error
    return array


def holds_spectrogram(path: Path) -> bool:
    """Whether a file is to be read as an array, by its suffix, and not as audio."""
    return path.suffix.lower() in SPECTROGRAM_SUFFIXES


def _pick(content: Any, key: str | None, path: Path) -> Any:
    """Take the one array that is meant out of a file's content."""
    if isinstance(content, dict):
        names = [str(name) for name in cast(dict[str, Any], content)]
        if not names:
            raise SpecInvError(f"{path} holds no arrays.")
        if key is None and len(names) == 1:
            key = names[0]
        if key not in names:
            given = "names no array" if key is None else f"does not hold {key!r}"
            raise SpecInvError(f"{path} {given}: choose with --key one of {', '.join(names)}.")
        named = {str(name): array for name, array in cast(dict[Any, Any], content).items()}
        content = named[key]
    elif key is not None:
        raise SpecInvError(f"{path} holds one array without a name: leave out --key.")
    if not isinstance(content, (np.ndarray, Tensor)):
        raise SpecInvError(f"{path} holds a {type(content).__name__}, not an array.")
    return cast(Any, content)
