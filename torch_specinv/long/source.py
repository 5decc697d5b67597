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

from ..checks import check_finite, compute_dtype, lift
from ..errors import SpecInvError
from ..io import AudioReader, map_spectrogram
from ..mel import MelSpec, Preset, name_of
from ..mel.plausible import check_rows
from ..transform.geometry import Geometry, STFTKeywords, read_geometry, spectrogram_size
from ..transform.sizes import bin_count, ceil_div
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
    mel: MelSpec | None = None
    """The conventions of the bands that are read instead of bins."""

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
    """An array of shape (rows, frames) or (channels, rows, frames), in a file.

    Parameters
    ----------
    path : Path
        A file that can be mapped into memory.
    sr : int, optional
        Sample rate in Hz. Default: what the file names beside the array.
    length : int, optional
        Samples of the waveform.
    keywords : dict
        Those of the STFT.
    preset : Preset, optional
        The recipe that made the array.
    key : str, optional
        Which array of the file.
    transpose : bool, default False
        Whether the last two dimensions are exchanged.
    """

    def __init__(
        self,
        path: Path,
        sr: int | None,
        length: int | None,
        keywords: STFTKeywords,
        preset: Preset | None = None,
        key: str | None = None,
        *,
        transpose: bool = False,
    ) -> None:
        self.path, self._preset, self._transpose = path, preset, transpose
        self._open, found = map_spectrogram(path, key)
        sr = found if sr is None else sr
        if sr is None:
            raise SpecInvError(f"{path} has no sample rate: pass sr.")
        self.sr = sr
        array = self._map()
        if array.ndim not in (2, 3) or array.size == 0:
            raise SpecInvError(
                f"{path} holds shape {array.shape}: expected (bins, frames) or (channels, bins, "
                "frames), not empty."
            )
        try:
            dtype = torch.from_numpy(
                np.array(array[..., :1, :1], array.dtype.newbyteorder("="))
            ).dtype
        except TypeError as error:
            raise SpecInvError(f"{path} holds {array.dtype}: expected numbers.") from error
        if not (dtype.is_floating_point or dtype.is_complex):
            raise SpecInvError(f"{path} holds {array.dtype}: expected floating or complex numbers.")
        self.dtype, self.is_complex = compute_dtype(dtype), dtype.is_complex
        self.channels = array.shape[0] if array.ndim == 3 else 1
        rows, frames = array.shape[-2:]
        device = torch.device("cpu")
        if preset is not None:
            check_rows(preset, name_of(preset), rows, frames)
            if preset.padding and length is not None:
                length = preset.padded_length(length, frames)
            keywords = {**preset.stft_keywords(rows), **keywords}
            rows = rows + (not preset.nyquist)
            if preset.is_mel:
                self.mel, rows = preset.mel, bin_count(preset.n_fft or 1)
        self.geometry = read_geometry(rows, frames, dtype, device, length, keywords)

    def read(self, low: int, high: int) -> Tensor:
        """Return frames of the array: magnitudes, or the bands as they were written down."""
        # mapped anew each time: what has been looked at would count as memory until unmapped
        part = self._map()[..., low:high]
        spec = torch.from_numpy(np.array(part, part.dtype.newbyteorder("="), order="C"))
        spec = spec if spec.ndim == 3 else spec[None]
        if self._preset is None or self._preset.is_mel:
            return spec
        check_finite(spec, "spec")
        return self._preset.magnitude(lift(spec))

    def _map(self) -> NDArray[Any]:
        array = self._open()
        return array.swapaxes(-1, -2) if self._transpose else array


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
