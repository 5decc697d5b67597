"""Files: audio, spectrograms and pictures of them. Reading never runs code; writing is atomic."""

from .arrays import SPECTROGRAM_SUFFIXES, holds_spectrogram, read_spectrogram
from .audio import (
    PEAKS,
    AudioReader,
    check_output,
    fit_peak,
    read_audio,
    write_audio,
    write_blocks,
)
from .files import atomic, existing
from .images import image_to_spectrogram, spectrogram_to_image
from .pictures import PICTURE_SUFFIXES, holds_picture
from .statistics import read_statistics

__all__ = [
    "PEAKS",
    "PICTURE_SUFFIXES",
    "SPECTROGRAM_SUFFIXES",
    "AudioReader",
    "atomic",
    "check_output",
    "existing",
    "fit_peak",
    "holds_picture",
    "holds_spectrogram",
    "image_to_spectrogram",
    "read_audio",
    "read_spectrogram",
    "read_statistics",
    "spectrogram_to_image",
    "write_audio",
    "write_blocks",
]
