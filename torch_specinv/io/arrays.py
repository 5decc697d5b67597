"""Spectrograms from files. Reading never runs code."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import SpecInvError
from .entries import Found, Refused, Stored, find, shape_of
from .files import existing
from .kinds import holds_spectrogram, unknown_kind
from .plain_array import PlainArray
from .rates import rate_beside
from .readers import READERS
from .sizes import check_bytes


@dataclass(frozen=True)
class SpectrogramFile:
    """What :func:`read_spectrogram_file` found.

    Attributes
    ----------
    array : Tensor
        The array, expected to be (..., bins, frames).
    sr : int or None
        The sample rate in Hz that the file names beside the array, if it does.
    key : str
        Where in the file the array is; "" where the file holds nothing else.
    """

    array: Tensor
    sr: int | None
    key: str


def read_spectrogram(path: str | Path, key: str | None = None) -> Tensor:
    """Read a magnitude or complex spectrogram.

    :func:`read_spectrogram_file` says which files are read, and returns the sample rate as well.

    Parameters
    ----------
    path : str or Path
        A file of arrays.
    key : str, optional
        Which array to take where the file holds several.

    Returns
    -------
    Tensor
        The array, expected to be (..., bins, frames).

    Raises
    ------
    SpecInvError
        If the file is missing, unreadable, truncated, or does not name one array.
    """
    return read_spectrogram_file(path, key).array


def read_spectrogram_file(path: str | Path, key: str | None = None) -> SpectrogramFile:
    """Read a spectrogram, and the sample rate where the file has one.

    Parameters
    ----------
    path : str or Path
        A file of NumPy (.npy, .npz), PyTorch (.pt, .pth), safetensors, HDF5 (.h5, .hdf5), MATLAB
        (.mat of any version), text (.csv, .tsv, .txt) or Parquet. Reading runs no code: what is
        pickled is refused, and links to other files are not followed.
    key : str, optional
        Which array to take, such as "model/mag/0": names in dictionaries, groups and structs, and
        numbers in lists, with slashes between. Default: the only array with two dimensions or more
        that are not of size 1; where there are several, the error lists them.

    Returns
    -------
    SpectrogramFile
        The array in the dtype of the file and the byte order of the machine, and the sample rate:
        a whole number from 1,000 to 192,000 that is called sr, sample_rate, samplerate,
        sampling_rate, fs or rate, among the attributes of the array, beside it, or beside what it
        lies in. The nearest counts, unless two at one place differ.

    Raises
    ------
    SpecInvError
        If the file is missing, unreadable or truncated, does not name one array, holds one that
        does not fit in memory, or needs a package that is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import torch
    >>> from torch_specinv.io import read_spectrogram_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "predicted.pt")
    ...     torch.save({"mag": torch.ones(513, 40), "sr": 16000}, path)
    ...     found = read_spectrogram_file(path)
    >>> found.array.shape, found.sr, found.key
    (torch.Size([513, 40]), 16000, 'mag')
    """
    path = existing(path)
    with _opened(path) as content:
        found = find(content, key, path)
        return SpectrogramFile(_read(found, path), rate_beside(found), found.key)


def locate_spectrogram(path: str | Path, key: str | None = None) -> tuple[PlainArray, int | None]:
    """Return where in a file an array lies, to be read in parts, and the sample rate there."""
    path = existing(path)
    with _opened(path) as content:
        found = find(content, key, path)
        if shape_of(found.entry) is None:
            raise _refusal(found, path)
        if isinstance(found.entry, Stored) and found.entry.plain is not None:
            return found.entry.plain, rate_beside(found)
    raise SpecInvError(
        f"{path}: only .npy files, and .npz files that are not compressed, can be read in pieces; "
        "save the array as one."
    )


@contextmanager
def _opened(path: Path) -> Generator[Any]:
    """Yield what a file holds; all that goes wrong meanwhile is the file's fault."""
    if not holds_spectrogram(path):
        raise unknown_kind(path, "an array")
    try:
        with READERS[path.suffix.lower()](path) as content:
            yield content
    except SpecInvError:
        raise
    except MemoryError as error:
        raise SpecInvError(f"{path} does not fit in memory.") from error
    except (OSError, ValueError, RuntimeError, EOFError, KeyError) as error:
        reason = str(error).partition("\n")[0]
        raise SpecInvError(
            f"{path} cannot be read as an array: {reason} (truncated, or saved with pickle?)"
        ) from error
    except pickle.UnpicklingError as error:
        raise SpecInvError(
            f"{path} cannot be read as an array: it is damaged, or holds objects beside numbers. "
            "They are never loaded, as they could run code: save tensors alone, such as "
            "torch.save(spec, path), and numpy arrays as .npy."
        ) from error
    except zipfile.BadZipFile as error:
        raise SpecInvError(f"{path} is damaged: {error}") from error
    except Exception as error:  # readers have errors of their own for what is damaged
        reason = str(error).partition("\n")[0]
        raise SpecInvError(f"{path} cannot be read as an array: {reason} (damaged?)") from error


def _read(found: Found, path: Path) -> Tensor:
    """Read the array that was found."""
    if shape_of(found.entry) is None:
        raise _refusal(found, path)
    array: Any = found.entry.load() if isinstance(found.entry, Stored) else found.entry
    if isinstance(array, Tensor):
        return _plain(array, path)
    try:
        # torch knows the machine's own byte order only
        native = np.require(array, array.dtype.newbyteorder("="), ["C", "W"])
        return torch.from_numpy(native)
    except TypeError as error:
        raise SpecInvError(f"{path} does not hold numbers that torch knows: {error}") from error


def _plain(tensor: Tensor, path: Path) -> Tensor:
    """Return a tensor in memory of its own, without a graph."""
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
        kind = "meta" if tensor.is_meta else str(tensor.layout).removeprefix("torch.")
        raise SpecInvError(
            f"{path} holds a tensor that is {'quantized' if tensor.is_quantized else kind}: save "
            "it with its numbers, such as spec.dequantize() or spec.to_dense()."
        )
    check_bytes(path, tensor.numel() * tensor.element_size())  # expanded, it may be of one number
    return torch.empty(tensor.shape, dtype=tensor.dtype).copy_(tensor.detach())


def _refusal(found: Found, path: Path) -> SpecInvError:
    """Say why an entry cannot be read as an array."""
    where = f"{path}, {found.key}," if found.key else f"{path}"
    entry = found.entry
    if isinstance(entry, Refused):
        return SpecInvError(f"{where} cannot be read as an array: it is {entry.why}.")
    if isinstance(entry, np.ndarray):
        return SpecInvError(f"{where} does not hold numbers, but {entry.dtype}.")
    return SpecInvError(f"{where} holds a {type(entry).__name__}, not an array.")
