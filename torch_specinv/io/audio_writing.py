"""Audio files that are written."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import SpecInvError, check_count, check_switch
from ..tensors import as_tensor
from .files import WriteError
from .ogg import set_serial_number
from .outputs import all_or_none, atomic, check_paths, explained


@dataclass(frozen=True)
class _Format:
    """What a kind of audio file can hold. Beyond it libsndfile fails, or crashes."""

    subtype: str
    """The sample format that keeps most of the signal."""
    channels: int
    rate: int
    """The highest sample rate in Hz."""


#: What audio files can be written.
AUDIO_FORMATS = {
    ".wav": _Format("FLOAT", 1024, 2**31 - 1),
    ".flac": _Format("PCM_24", 8, 655_350),
    ".ogg": _Format("VORBIS", 255, 192_000),
}

_MOST_BYTES = 2**32 - 2**16
_BLOCK = 2**16
# Above this FLAC knows multiples of 10 Hz only.
_FLAC_ANY_RATE = 65_535
# libsndfile's numbers: what the operating system complained about, and the command that turns
# off the chunk with the peak, which holds the time and so makes no two files the same
_SYSTEM_ERROR = 2
_SET_ADD_PEAK_CHUNK = 0x1050


def write_audio(path: str | Path, wave: Tensor, sr: int, *, force: bool = False) -> None:
    """Write a waveform, completely or not at all.

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
    """Write several waveforms, a file each: all of them or none.

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
    if not paths:
        return
    check_count("sr", sr)
    check_switch("force", force)
    waves = [as_tensor(wave, "wave") for wave in waves]
    files = check_outputs(paths, force=force, sr=sr)
    for path, wave in zip(files, waves, strict=True):
        _check_wave(path, wave)
        _check_limits(path, sr, len(wave) if wave.ndim == 2 else 1)
    with all_or_none(files, force=force) as temporaries:
        for temporary, path, wave in zip(temporaries, files, waves, strict=True):
            samples = wave.detach().cpu().float().reshape(-1, wave.shape[-1]).numpy().T
            with explained(path):
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


def write_blocks(
    path: Path,
    blocks: Iterable[NDArray[Any]],
    sr: int,
    channels: int,
    *,
    force: bool,
    double: bool = False,
    bytes_expected: int = 0,
    complete: Callable[[Path], None] | None = None,
) -> None:
    """Write blocks (samples, channels) one after the other, all of them or none.

    `complete` is called with the temporary file when it is complete, before it gets its name.
    """
    _check_limits(path, sr, channels)
    # the sizes in a plain .wav are 32-bit numbers
    large = path.suffix.lower() == ".wav" and bytes_expected > _MOST_BYTES
    with atomic(path, force=force) as temporary:
        _encode(temporary, path, blocks, sr, channels, double=double, large=large)
        if complete is not None:
            complete(temporary)


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

    subtype = AUDIO_FORMATS[path.suffix.lower()].subtype
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
            leave_out_peak(soundfile, file)
            count = feed(file, blocks)
        if subtype == "VORBIS":
            with temporary.open("r+b") as whole:
                set_serial_number(whole)
        if subtype not in ("FLOAT", "DOUBLE"):
            _read_back(soundfile, temporary, count)
    # soundfile asserts that all was written
    except (RuntimeError, AssertionError) as error:
        raise WriteError(f"{path} cannot be written (is the disk full?): {error}") from error


def feed(file: Any, blocks: Iterable[NDArray[Any]]) -> int:
    """Write blocks (samples, channels) to a file of soundfile, and return how many samples."""
    count = 0
    for block in blocks:
        # libsndfile's encoder of ogg overflows the stack with large ones
        for begin in range(0, len(block), _BLOCK):
            file.write(block[begin : begin + _BLOCK])
        count += len(block)
    return count


def _read_back(soundfile: Any, path: Path, samples: int) -> None:
    """Make sure that all is in a file: libsndfile's encoders do not notice a full disk."""
    with soundfile.SoundFile(cast(Any, os.fsencode(path))) as file:
        found = sum(len(block) for block in file.blocks(_BLOCK, dtype="float32"))
    if found != samples:
        raise RuntimeError(f"{found} of {samples} samples are there.")


def leave_out_peak(soundfile: Any, file: Any) -> None:
    """Write no chunk that holds the time, so that the same samples make the same file."""
    # soundfile has no public way to send a command; without it the chunk is there, no more
    with contextlib.suppress(AttributeError):
        soundfile._snd.sf_command(file._file, _SET_ADD_PEAK_CHUNK, soundfile._ffi.NULL, 0)


def check_outputs(
    paths: Sequence[str | Path],
    *,
    force: bool,
    sr: int | None = None,
    channels: int | None = None,
) -> list[Path]:
    """Raise, before any work, if audio could not be written to `paths` later.

    Parameters
    ----------
    paths : sequence of str or Path
        The files of one call.
    force : bool
        Whether they may exist.
    sr : int, optional
        Sample rate in Hz, where it is known.
    channels : int, optional
        Channels of each file, where they are known.

    Raises
    ------
    SpecInvError
        If a file could not be written, or its format does not hold so many channels or such a
        sample rate.
    """
    if sr is not None:
        check_count("sr", sr)
    files = check_paths(paths, AUDIO_FORMATS, force=force)
    for path in files:
        _check_limits(path, sr, channels)
    return files


def check_output(
    path: str | Path, *, force: bool, sr: int | None = None, channels: int | None = None
) -> Path:
    """Do what :func:`check_outputs` does for one file."""
    return check_outputs([path], force=force, sr=sr, channels=channels)[0]


def _check_limits(path: Path, sr: int | None, channels: int | None) -> None:
    """Raise for what a format cannot hold."""
    suffix = path.suffix.lower()
    limits = AUDIO_FORMATS[suffix]
    hint = "" if suffix == ".wav" else " Try .wav."
    if channels is not None and not 1 <= channels <= limits.channels:
        raise SpecInvError(
            f"{path}: {channels} channels, but {suffix} holds 1 to {limits.channels}.{hint}"
        )
    if sr is not None and sr > limits.rate:
        raise SpecInvError(
            f"sr={sr}: {suffix} holds a sample rate of at most {limits.rate} Hz.{hint}"
        )
    if sr is not None and suffix == ".flac" and sr > _FLAC_ANY_RATE and sr % 10:
        raise SpecInvError(
            f"sr={sr}: above {_FLAC_ANY_RATE} Hz .flac holds multiples of 10 Hz only.{hint}"
        )
