"""Audio files that are read."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import SpecInvError, warn
from .files import existing
from .kinds import holds_audio, unknown_kind

# What libsndfile opens as well: arrays, and files without a header, of which it has to guess all
_NOT_AUDIO = ("MAT4", "MAT5", "HTK", "RAW")
# Of the kinds of wav for which it can be said how many samples a number of bytes is
_SAMPLE_BYTES = {"PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}
_UNKNOWN = 2**31 - 2**16
# What comes after a jump into an mp3 is wrong for a few frames of it.
_SETTLING = 4608


def read_audio(path: str | Path) -> tuple[Tensor, int]:
    """Read an audio file.

    Parameters
    ----------
    path : str or Path
        A file that libsndfile reads, such as wav, flac, ogg, mp3 or aiff.

    Returns
    -------
    tuple of Tensor and int
        The waveform (channels, samples), float32 in [-1, 1], and the sample rate in Hz.

    Raises
    ------
    SpecInvError
        If the file is missing, is not audio, or holds no samples.
    """
    path = existing(path)
    with _opened(path) as file:
        try:
            samples = cast(NDArray[np.float32], file.read(dtype="float32", always_2d=True))
        except (RuntimeError, OSError) as error:
            raise SpecInvError(f"{path} cannot be read as audio: {error}") from error
        _warn_if_short(path, file, len(samples))
    if len(samples) == 0:
        raise SpecInvError(f"{path} holds no samples: an interrupted recording or download?")
    return torch.from_numpy(np.ascontiguousarray(samples.T)), cast(int, file.samplerate)


def _warn_if_short(path: Path, file: Any, samples: int) -> None:
    """Warn if there are fewer samples than the header of a file promises."""
    # for libsndfile the end of a wav is the truth; what the header said is in its log
    found = re.search(r"^data : (\d+) \(should be \d+\)", file.extra_info, re.M)
    claimed = int(found[1]) if found else 0
    size = _SAMPLE_BYTES.get(file.subtype, 0) * file.channels
    promised = file.frames
    if size and claimed < _UNKNOWN:  # more is of what was written to a pipe
        promised = max(promised, claimed // size)
    if 0 < samples < promised:
        warn(
            f"{path} ends after {samples} samples, but its header promises {promised}: an "
            "interrupted recording or download?",
            RuntimeWarning,
        )


def _opened(path: Path) -> Any:
    """Open audio, and nothing that libsndfile takes for audio."""
    import soundfile

    if not holds_audio(path):
        raise unknown_kind(path, "audio")
    try:
        # bytes, as a name need not be text
        file = soundfile.SoundFile(cast(Any, os.fsencode(path)))
    except (RuntimeError, OSError) as error:
        reason = str(getattr(error, "error_string", error))
        if "does not exist" in reason:  # what libsndfile says of an mp3 that is none
            reason = "nothing in it is of the kind that its name says."
        raise SpecInvError(f"{path} cannot be read as audio: {reason}") from error
    if file.format in _NOT_AUDIO:
        file.close()
        raise SpecInvError(f"{path} is not audio, whatever its name says ({file.format_info}).")
    return file


class AudioReader:
    """An audio file that is read piece by piece.

    Parameters
    ----------
    path : str or Path
        A file that libsndfile reads, such as wav, flac, ogg, mp3 or aiff.

    Raises
    ------
    SpecInvError
        If the file is missing, is not audio, or holds no samples.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = existing(path)
        self._file = _opened(self.path)
        self.sr, self.channels = self._file.samplerate, self._file.channels
        self.samples = self._file.frames
        if self.samples <= 0:
            raise SpecInvError(
                f"{self.path} holds no samples: an interrupted recording or download?"
            )
        _warn_if_short(self.path, self._file, self.samples)

    def read(self, begin: int, end: int) -> Tensor:
        """Return samples (channels, end - begin), float32."""
        early = min(begin, _SETTLING if self._file.format == "MP3" else 0)
        try:
            self._file.seek(begin - early)
            samples = cast(
                NDArray[np.float32],
                self._file.read(end - begin + early, dtype="float32", always_2d=True),
            )[early:]
        except (RuntimeError, OSError) as error:
            raise SpecInvError(
                f"{self.path} cannot be read beyond sample {begin} of the {self.samples} that its "
                f"header promises: {error}"
            ) from error
        if len(samples) < end - begin:
            raise SpecInvError(
                f"{self.path} ends after {begin + len(samples)} samples, but its header promises "
                f"{self.samples}: an interrupted recording or download?"
            )
        return torch.from_numpy(np.ascontiguousarray(samples.T))
