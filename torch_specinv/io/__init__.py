"""Files: audio and spectrograms in, audio out. Reading never runs code; writing is atomic."""

from .arrays import (
    SpectrogramFile,
    map_spectrogram,
    read_spectrogram,
    read_spectrogram_file,
)
from .audio import (
    AudioReader,
    check_output,
    read_audio,
    write_audio,
    write_audio_files,
    write_blocks,
)
from .files import WriteError, atomic, existing
from .kinds import AUDIO_SUFFIXES, SPECTROGRAM_SUFFIXES, holds_audio, holds_spectrogram

__all__ = [
    "AUDIO_SUFFIXES",
    "SPECTROGRAM_SUFFIXES",
    "AudioReader",
    "SpectrogramFile",
    "WriteError",
    "atomic",
    "check_output",
    "existing",
    "holds_audio",
    "holds_spectrogram",
    "map_spectrogram",
    "read_audio",
    "read_spectrogram",
    "read_spectrogram_file",
    "write_audio",
    "write_audio_files",
    "write_blocks",
]
