"""Sounds and pictures as bytes, for pages that hold them."""

from __future__ import annotations

from io import BytesIO

from torch import Tensor

from .audio_writing import feed
from .ogg import set_serial_number
from .pictures import encode_picture

__all__ = ["encode_audio", "encode_picture"]

# 24 bits where the format has them would only make a page larger
_SUBTYPES = {".wav": "PCM_16", ".flac": "PCM_16", ".ogg": "VORBIS"}


def encode_audio(wave: Tensor, sr: int, suffix: str) -> bytes:
    """Return a waveform as the bytes of an audio file of 16 bits.

    Parameters
    ----------
    wave : Tensor
        Shape (samples,), real, within [-1, 1]; what is beyond is clipped.
    sr : int
        Sample rate in Hz.
    suffix : str
        ".wav", ".flac" or ".ogg" (Vorbis).
    """
    import soundfile

    file = BytesIO()
    samples = wave.detach().cpu().float().numpy()
    subtype = _SUBTYPES[suffix]
    with soundfile.SoundFile(file, "w", sr, 1, subtype, format=suffix[1:].upper()) as target:
        feed(target, [samples])
    if subtype == "VORBIS":
        set_serial_number(file)
    return file.getvalue()
