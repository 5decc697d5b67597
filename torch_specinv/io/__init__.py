"""Files: audio, spectrograms and pictures of them. Reading never runs code; writing is atomic."""

from .arrays import SPECTROGRAM_SUFFIXES, holds_spectrogram, read_spectrogram
from .audio import AudioReader, check_output, read_audio, write_audio, write_blocks
from .files import atomic, existing
from .images import image_to_spectrogram, spectrogram_to_image
from .pictures import PICTURE_SUFFIXES, holds_picture

__all__ = [
    "PICTURE_SUFFIXES",
    "SPECTROGRAM_SUFFIXES",
    "AudioReader",
    "atomic",
    "check_output",
    "existing",
    "holds_picture",
    "holds_spectrogram",
    "image_to_spectrogram",
    "read_audio",
    "read_spectrogram",
    "spectrogram_to_image",
    "write_audio",
    "write_blocks",
]
