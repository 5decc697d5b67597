"""Where the spectrogram of a long recording comes from: an array in a file, or audio."""

from __future__ import annotations

from abc import ABC, abstractmethod
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..checks import compute_dtype
from ..errors import SpecInvError
from ..io import AudioReader, map_spectrogram
from ..transform.geometry import Geometry, STFTKeywords, read_geometry, spectrogram_size
from ..transform.sizes import ceil_div
from ..transform.stft import STFT
from .pieces import samples_of

# At how many places, and how much there, tells a file from others
_PROBES, _PROBE = 32, 2**16


class Source(ABC):
    """A spectrogram that is read a piece at a time."""

    path: Path
    geometry: Geometry
    channels: int
    sr: int
    dtype: torch.dtype
    """Of the computation, real."""
    is_complex: bool = False
    """Whether the source has a phase."""

    @abstractmethod
    def read(self, low: int, high: int) -> Tensor:
        """Return frames, real or complex (channels, bins, high - low)."""

    def digest(self) -> str:
        """Return what changes when the file does: its size, and a look at many places."""
        size, told = self.path.stat().st_size, sha256()
        with self.path.open("rb") as file:
            for i in range(_PROBES):
                file.seek(max(0, size - _PROBE) * i // (_PROBES - 1))
                told.update(file.read(_PROBE))
        return f"{size}-{told.hexdigest()[:16]}"


class ArraySource(Source):
    """An array in a file, of shape (bins, frames) or (channels, bins, frames)."""

    def __init__(
        self,
        path: Path,
        sr: int | None,
        length: int | None,
        keywords: STFTKeywords,
        key: str | None = None,
    ) -> None:
        self.path = path
        self._open, found = map_spectrogram(path, key)
        sr = found if sr is None else sr
        if sr is None:
            raise SpecInvError(f"{path} does not tell its sample rate: pass sr.")
        self.sr = sr
        array = self._open()
        shape = _checked_shape(array, path)
        if array.size == 0:
            raise SpecInvError(f"{path} holds shape {shape}, which is empty.")
        try:
            dtype = torch.from_numpy(array[..., :1].astype(array.dtype.newbyteorder("="))).dtype
        except TypeError as error:
            raise SpecInvError(f"{path} holds {array.dtype}: expected numbers.") from error
        if not (dtype.is_floating_point or dtype.is_complex):
            raise SpecInvError(f"{path} holds {array.dtype}: expected floating or complex numbers.")
        self.dtype, self.is_complex = compute_dtype(dtype), dtype.is_complex
        self.channels = 1 if array.ndim == 2 else len(array)
        bins, frames = array.shape[-2:]
        device = torch.device("cpu")
        self.geometry = read_geometry(bins, frames, dtype, device, length, keywords)

    def read(self, low: int, high: int) -> Tensor:
        """Return frames of the array."""
        # mapped anew each time: what has been looked at would count as memory until unmapped
        part = self._open()[..., low:high]
        spec = torch.from_numpy(np.array(part, part.dtype.newbyteorder("="), order="C"))
        return spec if spec.ndim == 3 else spec[None]


def array_shape(path: Path, key: str | None = None) -> tuple[int, ...]:
    """Return the shape of the array in a file, of two dimensions or more."""
    return _checked_shape(map_spectrogram(path, key)[0](), path)


def _checked_shape(array: NDArray[Any], path: Path) -> tuple[int, ...]:
    """Return the shape if it is that of one file of sound."""
    if array.ndim not in (2, 3):
        raise SpecInvError(
            f"{path} holds shape {array.shape}: expected (bins, frames) or (channels, bins, "
            "frames)."
        )
    return array.shape


class AudioSource(Source):
    """The magnitude of an audio file, made as it is read."""

    dtype = torch.float32

    def __init__(self, path: Path, keywords: STFTKeywords) -> None:
        self._reader = reader = AudioReader(path)
        self.path, self.sr, self.channels = reader.path, reader.sr, reader.channels
        device = torch.device("cpu")
        bins, frames = spectrogram_size(reader.samples, device, keywords)
        self.geometry = read_geometry(bins, frames, torch.float32, device, reader.samples, keywords)

    def read(self, low: int, high: int) -> Tensor:
        """Return the magnitude of frames."""
        g = self.geometry
        # the ends of what is read are no ends, so more is read
        around = ceil_div(g.n_fft, g.hop_length)
        first, last = max(0, low - around), min(g.frames, high + around)
        wave = self._reader.read(*samples_of(g, first, last))
        spec = STFT.of_wave(wave, **g.keywords())(wave)
        return spec[..., low - first : high - first]
