"""Files: audio, spectrograms and pictures of them. Reading never runs code; writing is atomic."""

from .arrays import SpectrogramFile, map_spectrogram, read_spectrogram, read_spectrogram_file
from .audio import (
    PEAKS,
    AudioReader,
    check_output,
    fit_peak,
    read_audio,
    write_audio,
    write_audio_files,
    write_blocks,
)
from .example import example
from .files import WriteError, atomic, existing, numbered, read_path
from .images import image_to_spectrogram, spectrogram_to_image
from .kinds import AUDIO_SUFFIXES, SPECTROGRAM_SUFFIXES, holds_audio, holds_spectrogram
from .pictures import PICTURE_SUFFIXES, holds_picture
from .statistics import read_statistics

__all__ = [
    "AUDIO_SUFFIXES",
    "PEAKS",
    "PICTURE_SUFFIXES",
    "SPECTROGRAM_SUFFIXES",
    "AudioReader",
    "SpectrogramFile",
    "WriteError",
    "atomic",
    "check_output",
    "example",
    "existing",
    "fit_peak",
    "holds_audio",
    "holds_picture",
    "holds_spectrogram",
    "image_to_spectrogram",
    "map_spectrogram",
    "numbered",
    "read_audio",
    "read_path",
    "read_spectrogram",
    "read_spectrogram_file",
    "read_statistics",
    "spectrogram_to_image",
    "write_audio",
    "write_audio_files",
    "write_blocks",
]
