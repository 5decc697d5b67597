"""Where the spectrogram of a long recording comes from: an array in a file, or audio."""

from __future__ import annotations

from abc import ABC, abstractmethod
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..checks import check_finite, compute_dtype, lift
from ..errors import SpecInvError
from ..inversion.follow_preset import check_size
from ..io import AudioReader, locate_spectrogram
from ..mel import MelSpec, Preset
from ..transform.geometry import Geometry, STFTKeywords
from ..transform.read_geometry import read_geometry, spectrogram_size
from ..transform.sizes import bin_count, ceil_div
from ..transform.stft import STFT
from .pieces import samples_of

# At how many places, and how much there, tells a file from others
_PROBES, _PROBE = 32, 2**16


class SourceChangedError(SpecInvError):
    """The file is not the one any more that was begun with."""


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

    def remember(self) -> str:
        """Return what changes when the file does, for :meth:`check_unchanged`."""
        self._status, self._digest = self._look(), self._tell()
        return self._digest

    def check_unchanged(self, *, closely: bool = False) -> None:
        """Raise if the file is not as it was when it was remembered.

        Its contents are looked at if it was written to since, or else `closely`.
        """
        try:
            status = self._look()
            if status == self._status and not closely:
                return
            same = self._tell() == self._digest
        except OSError as error:
            raise SpecInvError(
                f"{self.path} cannot be read any more: {error.strerror or error}."
            ) from error
        if not same:
            raise SourceChangedError(
                f"{self.path} was changed while it was read. Nothing is kept, as it was made of "
                "the file before: run the same again."
            )
        self._status = status

    def _look(self) -> tuple[int, ...]:
        """Return which file it is, and when it was written to."""
        status = self.path.stat()
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns

    def _tell(self) -> str:
        """Return a digest of the size and of many places."""
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
        A .npy file, or an uncompressed .npz file.
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
        self._array, found = locate_spectrogram(path, key)
        sr = found if sr is None else sr
        if sr is None:
            raise SpecInvError(f"{path} has no sample rate: pass sr.")
        self.sr = sr
        shape = self._array.shape
        if len(shape) not in (2, 3) or 0 in shape:
            raise SpecInvError(
                f"{path} holds shape {shape}: expected (bins, frames) or (channels, bins, "
                "frames), not empty."
            )
        kind = self._array.dtype
        try:
            dtype = torch.from_numpy(np.empty(0, kind.newbyteorder("="))).dtype
        except TypeError as error:
            raise SpecInvError(f"{path} holds {kind}: expected numbers.") from error
        if not (dtype.is_floating_point or dtype.is_complex):
            raise SpecInvError(f"{path} holds {kind}: expected floating or complex numbers.")
        self.dtype, self.is_complex = compute_dtype(dtype), dtype.is_complex
        self.channels = shape[0] if len(shape) == 3 else 1
        rows, frames = shape[:-3:-1] if transpose else shape[-2:]
        device = torch.device("cpu")
        if preset is not None:
            check_size(preset, rows, frames)
            if preset.padding and length is not None:
                length = preset.padded_length(length, frames)
            keywords = {**preset.stft_keywords(rows), **keywords}
            rows = rows + (not preset.nyquist)
            if preset.is_mel:
                self.mel, rows = preset.mel, bin_count(preset.n_fft or 1)
        self.geometry = read_geometry(rows, frames, dtype, device, length, keywords)

    def read(self, low: int, high: int) -> Tensor:
        """Return frames of the array: magnitudes, or the bands as they were written down."""
        part = self._array.read(-2 if self._transpose else -1, low, high)
        part = part.swapaxes(-1, -2) if self._transpose else part
        spec = torch.from_numpy(np.ascontiguousarray(part))
        spec = spec if spec.ndim == 3 else spec[None]
        if self._preset is None or self._preset.is_mel:
            return spec
        check_finite(spec, "spec")
        return self._preset.magnitude(lift(spec))


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
