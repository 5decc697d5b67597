"""Sounds and pictures as bytes, for pages that hold them."""

from __future__ import annotations

from io import BytesIO

from torch import Tensor

from .audio_writing import AUDIO_FORMATS, feed, leave_out_peak
from .ogg import set_serial_number
from .pictures import encode_picture

__all__ = ["encode_audio", "encode_picture"]

# 24 bits where the format has them would only make a page larger
_SUBTYPES = {".wav": "PCM_16", ".flac": "PCM_16", ".ogg": "VORBIS"}


def encode_audio(wave: Tensor, sr: int, suffix: str, *, full: bool = False) -> bytes:
    """Return a waveform as the bytes of an audio file.

    Parameters
    ----------
    wave : Tensor
        Shape (samples,) or (channels, samples), real, within [-1, 1]; what is beyond is clipped.
    sr : int
        Sample rate in Hz.
    suffix : str
        ".wav", ".flac" or ".ogg" (Vorbis).
    full : bool, default False
        Keep as much of the signal as the format can, as in files that are written; else 16 bits. A
        .wav then holds floats, and clips nothing.
    """
    import soundfile

    file = BytesIO()
    samples = wave.detach().cpu().float().reshape(-1, wave.shape[-1]).numpy().T
    subtype = AUDIO_FORMATS[suffix].subtype if full else _SUBTYPES[suffix]
    channels, form = samples.shape[1], suffix[1:].upper()
    with soundfile.SoundFile(file, "w", sr, channels, subtype, format=form) as target:
        leave_out_peak(soundfile, target)
        feed(target, [samples])
    if subtype == "VORBIS":
        set_serial_number(file)
    return file.getvalue()
