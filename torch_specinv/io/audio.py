"""Audio files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import SpecInvError, check_choice, check_count, check_switch
from ..tensors import as_tensor
from .files import WriteError, atomic, existing, free
from .kinds import holds_audio, unknown_kind
from .rates import MOST_HZ

#: What audio files can be written, and the sample format that keeps most of the signal.
AUDIO_SUBTYPES = {".wav": "FLOAT", ".flac": "PCM_24", ".ogg": "VORBIS"}

#: What can be done with waves beyond 1.
PEAKS = ("keep", "normalise", "clip", "error")

_MOST_BYTES = 2**32 - 2**16
_BLOCK = 2**16
# What libsndfile opens as well: arrays, and files without a header, of which it has to guess all
_NOT_AUDIO = ("MAT4", "MAT5", "HTK", "RAW")
# libsndfile's number for what the operating system complained about
_SYSTEM_ERROR = 2
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
    if len(samples) == 0:
        raise SpecInvError(f"{path} holds no samples: an interrupted recording or download?")
    return torch.from_numpy(np.ascontiguousarray(samples.T)), cast(int, file.samplerate)


def _opened(path: Path) -> Any:
    """Open audio, and nothing that libsndfile takes for audio."""
    import soundfile

    if not holds_audio(path):
        raise unknown_kind(path, "audio")
    try:
        # bytes, as a name need not be text
        file = soundfile.SoundFile(cast(Any, os.fsencode(path)))
    except (RuntimeError, OSError) as error:
        raise SpecInvError(f"{path} cannot be read as audio: {error}") from error
    if file.format in _NOT_AUDIO:
        file.close()
        raise SpecInvError(f"{path} is not audio, whatever its name says ({file.format_info}).")
    return file


def write_audio(path: str | Path, wave: Tensor, sr: int, *, force: bool = False) -> None:
    """Write a waveform, all of it or nothing.

    Parameters
    ----------
    path : str or Path
        Ends in .wav (32-bit float), .flac (24 bit) or .ogg.
    wave : Tensor
        Shape (samples,) or (channels, samples), real.
    sr : int
        Sample rate in Hz.
    force : bool, default False
        Overwrite an existing file.

    Raises
    ------
    SpecInvError
        If the file exists, its folder does not, the suffix is unknown, samples are not finite, or
        the wave exceeds [-1, 1] in a format that would clip it.
    """
    write_audio_files([path], [wave], sr, force=force)


def write_audio_files(
    paths: Sequence[str | Path], waves: Sequence[Tensor], sr: int, *, force: bool = False
) -> None:
    """Write several waveforms, a file each: all of them or nothing.

    The other arguments and the errors are those of :func:`write_audio`. All files are complete
    before the first one takes its name.

    Parameters
    ----------
    paths : sequence of str or Path
        The files.
    waves : sequence of Tensor
        As many waveforms, (samples,) or (channels, samples), real.
    sr : int
        Sample rate in Hz.
    force : bool, default False
        Overwrite existing files.
    """
    if len(paths) != len(waves):
        raise SpecInvError(f"{len(paths)} paths for {len(waves)} waves: expected as many.")
    check_count("sr", sr)
    check_switch("force", force)
    waves = [as_tensor(wave, "wave") for wave in waves]
    files = [check_output(path, force=force, sr=sr) for path in paths]
    for path, wave in zip(files, waves, strict=True):
        _check_wave(path, wave)
    with ExitStack() as stack:
        for path, wave in zip(files, waves, strict=True):
            temporary = stack.enter_context(atomic(path, force=force))
            samples = wave.detach().cpu().float().reshape(-1, wave.shape[-1]).numpy().T
            _encode(temporary, path, [samples], sr, samples.shape[1])


def _check_wave(path: Path, wave: Tensor) -> None:
    """Raise for a waveform that a file cannot hold."""
    if wave.ndim not in (1, 2) or wave.numel() == 0 or wave.is_complex():
        raise SpecInvError(
            f"wave has shape {tuple(wave.shape)} and dtype {wave.dtype}: a file holds real "
            "(samples,) or (channels, samples)."
        )
    if not bool(torch.isfinite(wave).all()):
        bad = int((~torch.isfinite(wave)).sum())
        raise SpecInvError(
            f"wave holds {bad} samples that are NaN or infinite: nothing is written to {path}."
        )
    peak = float(wave.abs().max()) if wave.numel() else 0.0
    if peak > 1 and path.suffix.lower() != ".wav":
        raise SpecInvError(
            f"the wave reaches {peak:.3g}, which {path.suffix} would clip: write a .wav, which "
            "holds floats, or scale the spectrogram."
        )


def fit_peak(wave: Tensor, how: str) -> Tensor:
    """Bring a wave whose peak is beyond 1 to what players and most formats hold.

    Parameters
    ----------
    wave : Tensor
        Any shape, real.
    how : str
        "keep" leaves it, "normalise" divides it by its peak, "clip" cuts it at -1 and 1, and
        "error" refuses it.

    Raises
    ------
    SpecInvError
        If it is refused.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.io import fit_peak
    >>> fit_peak(torch.tensor([0.5, -2.0]), "normalise")
    tensor([ 0.2500, -1.0000])
    """
    check_choice("how", how, PEAKS)
    wave = as_tensor(wave, "wave")
    if wave.is_complex():
        raise SpecInvError(f"wave has dtype {wave.dtype}: expected real numbers.")
    peak = float(wave.detach().abs().max()) if wave.numel() else 0.0
    if how == "keep" or not peak > 1:
        return wave
    if how == "error":
        raise SpecInvError(f"the wave reaches {peak:.3g}, beyond 1: is the recipe right?")
    return wave.clamp(-1, 1) if how == "clip" else wave / peak


def write_blocks(
    path: Path,
    blocks: Iterable[NDArray[Any]],
    sr: int,
    channels: int,
    *,
    force: bool,
    double: bool = False,
    bytes_expected: int = 0,
) -> None:
    """Write blocks (samples, channels) one after the other, all of them or nothing."""
    # the sizes in a plain .wav are 32-bit numbers
    large = path.suffix.lower() == ".wav" and bytes_expected > _MOST_BYTES
    with atomic(path, force=force) as temporary:
        _encode(temporary, path, blocks, sr, channels, double=double, large=large)


def _encode(
    temporary: Path,
    path: Path,
    blocks: Iterable[NDArray[Any]],
    sr: int,
    channels: int,
    *,
    double: bool = False,
    large: bool = False,
) -> None:
    """Write blocks to a file that will be called `path`."""
    import soundfile

    subtype = AUDIO_SUBTYPES[path.suffix.lower()]
    if double and subtype == "FLOAT":
        subtype = "DOUBLE"
    try:
        file = soundfile.SoundFile(
            cast(Any, os.fsencode(temporary)),  # bytes, as a name need not be text
            "w",
            sr,
            channels,
            subtype,
            format="RF64" if large else path.suffix[1:].upper(),
        )
    except RuntimeError as error:  # soundfile's own is one
        if getattr(error, "code", None) == _SYSTEM_ERROR:
            raise WriteError(f"{path} cannot be written: {error}") from error
        raise SpecInvError(
            f"{path} can't hold {channels} channels at sr={sr}: {error} Try .wav."
        ) from error
    try:
        with file:
            for block in blocks:
                # libsndfile's encoder of ogg overflows the stack with large ones
                for begin in range(0, len(block), _BLOCK):
                    file.write(block[begin : begin + _BLOCK])
    # soundfile asserts that all was written
    except (RuntimeError, AssertionError) as error:
        raise WriteError(f"{path} cannot be written (is the disk full?): {error}") from error


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


def check_output(
    path: str | Path, *, force: bool, sr: int | None = None, name: str = "path"
) -> Path:
    """Raise, before any work, if audio could not be written to `path` later."""
    if sr is not None and check_count("sr", sr) > MOST_HZ:
        raise SpecInvError(f"sr={sr}: expected a sample rate of at most {MOST_HZ} Hz.")
    return free(path, AUDIO_SUBTYPES, force=force, name=name)
