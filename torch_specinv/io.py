"""Files: audio and spectrograms in, audio out. Reading never runs code; writing is atomic."""

from __future__ import annotations

import os
import pickle
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from .errors import SpecInvError, check_count

SPECTROGRAM_SUFFIXES = (".npy", ".npz", ".pt")
#: What audio files can be written, and the sample format that keeps most of the signal.
AUDIO_SUBTYPES = {".wav": "FLOAT", ".flac": "PCM_24", ".ogg": "VORBIS"}

#: What all of these formats can hold; an encoder may crash on more.
MOST_HZ = 192_000


def read_audio(path: str | Path) -> tuple[Tensor, int]:
    """Read an audio file.

    Parameters
    ----------
    path : str or Path
        A wav, flac, ogg or mp3 file.

    Returns
    -------
    tuple of Tensor and int
        The waveform (channels, samples), float32 in [-1, 1], and the sample rate in Hz.

    Raises
    ------
    SpecInvError
        If the file is missing, is not audio, or holds no samples.
    """
    import soundfile

    path = _existing(path)
    try:
        samples, sr = cast(
            tuple[Any, int], soundfile.read(str(path), dtype="float32", always_2d=True)
        )
    except (RuntimeError, OSError) as error:
        raise SpecInvError(f"{path} cannot be read as audio: {error}") from error
    if len(samples) == 0:
        raise SpecInvError(f"{path} holds no samples: an interrupted recording or download?")
    return torch.from_numpy(np.ascontiguousarray(samples.T)), sr


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
    path = _existing(path)
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
        If the file exists, its folder does not, the suffix is unknown, or the wave exceeds
        [-1, 1] in a format that would clip it.
    """
    import soundfile

    path = check_output(path, force=force, sr=sr)
    if wave.ndim not in (1, 2):
        raise SpecInvError(
            f"wave has shape {tuple(wave.shape)}: a file holds (samples,) or (channels, samples)."
        )
    peak = float(wave.abs().max()) if wave.numel() else 0.0
    if peak > 1 and path.suffix.lower() != ".wav":
        raise SpecInvError(
            f"the wave reaches {peak:.3g}, which {path.suffix} would clip: write a .wav, which "
            "holds floats, or scale the spectrogram."
        )
    with atomic(path, force=force) as temporary:
        samples = wave.detach().cpu().float().numpy().T
        try:
            soundfile.write(
                str(temporary), samples, sr, subtype=AUDIO_SUBTYPES[path.suffix.lower()]
            )
        except RuntimeError as error:  # soundfile's own is one
            channels = 1 if wave.ndim == 1 else len(wave)
            raise SpecInvError(
                f"{path} can't hold {channels} channels at sr={sr}: {error} Try .wav."
            ) from error


def check_output(path: str | Path, *, force: bool, sr: int | None = None) -> Path:
    """Raise, before any work, if audio could not be written to `path` later."""
    path = Path(path)
    if sr is not None and check_count("sr", sr) > MOST_HZ:
        raise SpecInvError(f"sr={sr}: expected a sample rate of at most {MOST_HZ} Hz.")
    if path.suffix.lower() not in AUDIO_SUBTYPES:
        raise SpecInvError(f"{path}: can write {', '.join(AUDIO_SUBTYPES)} only.")
    if not path.parent.is_dir():
        raise SpecInvError(f"{path}: the folder {path.parent} does not exist.")
    if path.exists() and not force:
        raise SpecInvError(f"{path} exists already: choose another name or overwrite with --force.")
    return path


@contextmanager
def atomic(path: Path, *, force: bool) -> Generator[Path]:
    """Yield a temporary name beside `path` that becomes `path` if all goes well."""
    temporary = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
    try:
        yield temporary
        if force:
            temporary.replace(path)
        else:
            try:
                # taking the name first makes sure that nothing is overwritten
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            except FileExistsError as error:
                raise SpecInvError(f"{path} was made by somebody else meanwhile.") from error
            temporary.replace(path)
    except OSError as error:
        raise SpecInvError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _existing(path: str | Path) -> Path:
    path = Path(path)
    if not path.is_file():
        raise SpecInvError(f"{path} does not exist or is not a file.")
    return path


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
