"""Sounds and pictures as bytes, for pages that hold them."""

from __future__ import annotations

from io import BytesIO

from torch import Tensor

from .pictures import encode_picture

__all__ = ["encode_audio", "encode_picture"]

# 24 bits where the format has them would only make a page larger
_SUBTYPES = {".wav": "PCM_16", ".flac": "PCM_16", ".ogg": "VORBIS"}
_BLOCK = 2**16


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
    with soundfile.SoundFile(
        file, "w", sr, 1, _SUBTYPES[suffix], format=suffix[1:].upper()
    ) as target:
        # libsndfile's encoder of ogg overflows the stack with large blocks
        for begin in range(0, len(samples), _BLOCK):
            target.write(samples[begin : begin + _BLOCK])
    return file.getvalue()
