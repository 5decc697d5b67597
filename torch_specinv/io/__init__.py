"""Files: audio and spectrograms in, audio out. Reading never runs code; writing is atomic."""

from .arrays import SPECTROGRAM_SUFFIXES, holds_spectrogram, read_spectrogram
from .audio import AudioReader, check_output, read_audio, write_audio, write_blocks
from .files import atomic, existing

__all__ = [
    "SPECTROGRAM_SUFFIXES",
    "AudioReader",
    "atomic",
    "check_output",
    "existing",
    "holds_spectrogram",
    "read_audio",
    "read_spectrogram",
    "write_audio",
    "write_blocks",
]
