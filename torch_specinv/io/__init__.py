"""Files: audio and spectrograms in, audio out. Reading never runs code; writing is atomic."""

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
from .statistics import read_statistics

__all__ = [
    "PEAKS",
    "SPECTROGRAM_SUFFIXES",
    "AudioReader",
    "atomic",
    "check_output",
    "existing",
    "fit_peak",
    "holds_spectrogram",
    "read_audio",
    "read_spectrogram",
    "read_statistics",
    "write_audio",
    "write_blocks",
]
