"""Files: audio, spectrograms and pictures of them. Reading never runs code; writing is atomic."""

from .arrays import SpectrogramFile, locate_spectrogram, read_spectrogram, read_spectrogram_file
from .audio import AudioReader, read_audio
from .audio_writing import (
    check_output,
    check_outputs,
    write_audio,
    write_audio_files,
    write_blocks,
)
from .example import example
from .files import WriteError, existing, numbered, read_path
from .images import image_to_spectrogram, spectrogram_to_image
from .kinds import AUDIO_SUFFIXES, SPECTROGRAM_SUFFIXES, holds_audio, holds_spectrogram
from .locks import names, open_locked
from .outputs import atomic, beside, explained, make_folder
from .peaks import PEAKS, fit_peak
from .pictures import PICTURE_SUFFIXES, holds_picture
from .plain_array import PlainArray
from .statistics import read_statistics

__all__ = [
    "AUDIO_SUFFIXES",
    "PEAKS",
    "PICTURE_SUFFIXES",
    "SPECTROGRAM_SUFFIXES",
    "AudioReader",
    "PlainArray",
    "SpectrogramFile",
    "WriteError",
    "atomic",
    "beside",
    "check_output",
    "check_outputs",
    "example",
    "existing",
    "explained",
    "fit_peak",
    "holds_audio",
    "holds_picture",
    "holds_spectrogram",
    "image_to_spectrogram",
    "locate_spectrogram",
    "make_folder",
    "names",
    "numbered",
    "open_locked",
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
