"""An array in a file of which only the part that is asked for is read."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import SpecInvError
from ..io import existing, holds_spectrogram

# The bytes before the name in the header of a member of a zip archive
_ZIP_HEADER = 30


class MappedArray:
    """A .npy file, or an array in an uncompressed .npz file.

    Parameters
    ----------
    path : str or Path
        The file.
    key : str, optional
        Which array of an .npz file.
    transpose : bool, default False
        Whether the last two dimensions are exchanged.

    Raises
    ------
    SpecInvError
        If it can't be read piece by piece, or holds no numbers of two or three dimensions.
    """

    def __init__(
        self, path: str | Path, key: str | None = None, *, transpose: bool = False
    ) -> None:
        self.path, self._transpose = existing(path), transpose
        suffix = self.path.suffix.lower()
        if suffix not in (".npy", ".npz"):
            kind = "arrays" if holds_spectrogram(self.path) else "spectrograms"
            raise SpecInvError(
                f"{self.path}: of {kind} only .npy and .npz files can be read in pieces; save the "
                "array as one."
            )
        if suffix == ".npy" and key is not None:
            raise SpecInvError(f"{self.path} holds one array without a name: leave out key.")
        self._member = None if suffix == ".npy" else _find(self.path, key)
        array = self._map()
        self.shape = array.shape
        """Of the array, with its dimensions exchanged if that was asked for."""
        if array.ndim not in (2, 3):
            raise SpecInvError(
                f"{self.path} holds shape {array.shape}: expected (bins, frames) or (channels, "
                "bins, frames)."
            )
        if array.size == 0:
            raise SpecInvError(f"{self.path} holds shape {array.shape}, which is empty.")
        try:
            first = array[..., :1, :1].astype(array.dtype.newbyteorder("="))
            self.dtype = torch.from_numpy(first).dtype
        except TypeError as error:
            raise SpecInvError(f"{self.path} holds {array.dtype}: expected numbers.") from error
        if not (self.dtype.is_floating_point or self.dtype.is_complex):
            raise SpecInvError(
                f"{self.path} holds {array.dtype}: expected floating or complex numbers."
            )

    def read(self, low: int, high: int) -> Tensor:
        """Return some frames, (..., rows, high - low)."""
        # mapped anew each time: what has been looked at would count as memory until unmapped
        part = self._map()[..., low:high]
        return torch.from_numpy(np.array(part, part.dtype.newbyteorder("="), order="C"))

    def _map(self) -> NDArray[Any]:
        try:
            if self._member is None:
                array: Any = np.load(self.path, mmap_mode="r", allow_pickle=False)
            else:
                array = _map_member(self.path, self._member)
        except (OSError, ValueError, EOFError) as error:
            raise SpecInvError(
                f"{self.path} cannot be read as an array: {error} (truncated, or pickled?)"
            ) from error
        if not isinstance(array, np.ndarray):
            raise SpecInvError(f"{self.path} holds no array: save it as .npy.")
        return cast(NDArray[Any], array.swapaxes(-1, -2) if self._transpose else array)


def _find(path: Path, key: str | None) -> zipfile.ZipInfo:
    """Return the member of an archive that holds the array of that name, or the only one."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {m.filename.removesuffix(".npy"): m for m in archive.infolist()}
    except (OSError, zipfile.BadZipFile) as error:
        raise SpecInvError(f"{path} cannot be read as an archive of arrays: {error}") from error
    if key is None and len(members) == 1:
        key = next(iter(members))
    if key not in members:
        given = "names several arrays" if key is None else f"does not hold {key!r}"
        raise SpecInvError(f"{path} {given}: choose with key one of {', '.join(members)}.")
    if members[key].compress_type != zipfile.ZIP_STORED:
        raise SpecInvError(
            f"{path} is compressed, so that it can't be read in pieces: save it with numpy.savez, "
            "or as .npy."
        )
    return members[key]


def _map_member(path: Path, member: zipfile.ZipInfo) -> NDArray[Any]:
    """Map an uncompressed member of an archive into memory."""
    with path.open("rb") as file:
        file.seek(member.header_offset)
        header = file.read(_ZIP_HEADER)
        # two lengths, of the name and of what follows it, end the header
        name, extra = (int.from_bytes(header[i : i + 2], "little") for i in (26, 28))
        file.seek(member.header_offset + _ZIP_HEADER + name + extra)
        version = np.lib.format.read_magic(file)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        if version not in read:
            raise ValueError(f"version {version} of the format is unknown")
        shape, fortran, dtype = read[version](file)
        if dtype.hasobject:
            raise ValueError("it holds Python objects")
        order = "F" if fortran else "C"
        return np.memmap(path, dtype, "r", file.tell(), shape, order)
