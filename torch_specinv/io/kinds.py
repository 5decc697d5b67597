"""What a file is, by its suffix: audio, an array, or neither."""

from __future__ import annotations

from pathlib import Path

from ..errors import SpecInvError
from .pictures import holds_picture
from .readers import READERS

#: Audio, for libsndfile. It opens MATLAB's and HTK's arrays as well, and calls their numbers sound.
AUDIO_SUFFIXES = (
    ".wav", ".wave", ".bwf", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2",
    ".aiff", ".aif", ".aifc", ".au", ".snd", ".caf", ".voc", ".sph", ".nist", ".wve", ".8svx",
    ".svx", ".iff", ".avr", ".paf", ".pvf", ".ircam", ".sf", ".xi",
)  # fmt: skip

#: Arrays, by the readers that there are.
SPECTROGRAM_SUFFIXES = tuple(READERS)


def holds_audio(path: Path) -> bool:
    """Whether a file is to be read as audio, by its suffix."""
    return path.suffix.lower() in AUDIO_SUFFIXES


def holds_spectrogram(path: Path) -> bool:
    """Whether a file is to be read as an array, by its suffix, and not as audio."""
    return path.suffix.lower() in READERS


def unknown_kind(path: Path, wanted: str) -> SpecInvError:
    """Say what files are read, where this is not one of those that are wanted."""
    if holds_picture(path):
        return SpecInvError(
            f"{path} is a picture, and not read as {wanted}. specinv invert reads pictures of "
            "spectrograms, and in Python torch_specinv.io.image_to_spectrogram does."
        )
    kind = f"{path.suffix} files" if path.suffix else "files without a suffix"
    return SpecInvError(
        f"{path}: {kind} are not read as {wanted}. "
        f"Arrays are read from {', '.join(READERS)}; audio from {', '.join(AUDIO_SUFFIXES)}."
    )
