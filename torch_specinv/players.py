"""Waveforms that can be heard: in a notebook, or through the loudspeaker."""

from __future__ import annotations

import base64
import sys
import wave as wave_files
from io import BytesIO
from typing import Any

import torch

from .errors import SpecInvError, check_count
from .tensors import Numbers, as_tensor

_MOST = 32767


def wav_bytes(wave: Numbers, sr: int) -> bytes:
    """Return a waveform as the bytes of a .wav file of 16 bits.

    Parameters
    ----------
    wave : Tensor
        Shape (samples,) or (channels, samples), real. What is beyond 1 is scaled down to 1, and
        samples that are not finite are silent.
    sr : int
        Sample rate in Hz.

    Raises
    ------
    SpecInvError
        If the shape or the rate is not what it should be.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.players import wav_bytes
    >>> len(wav_bytes(torch.zeros(100), 16000))
    244
    """
    check_count("sr", sr)
    wave = as_tensor(wave, "wave").detach().cpu()
    if wave.ndim not in (1, 2) or wave.is_complex():
        raise SpecInvError(
            f"wave has shape {tuple(wave.shape)}, dtype {wave.dtype}: expected real (samples,) or "
            "(channels, samples). Of a batch, one item: wave[0]."
        )
    samples = torch.nan_to_num(wave.double(), 0, 0, 0).reshape(-1, wave.shape[-1])
    peak = float(samples.abs().max()) if samples.numel() else 0.0
    integers = (samples * (_MOST / max(peak, 1.0))).round().to(torch.int16)
    file = BytesIO()
    with wave_files.open(file, "wb") as writer:
        writer.setnchannels(len(samples))
        writer.setsampwidth(2)
        writer.setframerate(sr)
        writer.writeframes(integers.mT.contiguous().numpy().astype("<i2").tobytes())
    return file.getvalue()


def audio_element(wave: Numbers, sr: int) -> str:
    """Return the HTML of a player which holds its sound; the arguments are those of `wav_bytes`."""
    data = base64.b64encode(wav_bytes(wave, sr)).decode()
    return f'<audio controls preload="auto" src="data:audio/wav;base64,{data}"></audio>'


def play(wave: Numbers, sr: int) -> Any:
    """Play a waveform: in a notebook by a player that is returned, elsewhere by the loudspeaker.

    Parameters
    ----------
    wave : Tensor
        Shape (samples,) or (channels, samples), real.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    IPython.display.HTML, or None
        The player; outside of notebooks None, after the last sample.

    Raises
    ------
    SpecInvError
        If outside of notebooks the package sounddevice or a device is missing.
    """
    if in_notebook():
        from IPython.display import HTML  # pyright: ignore[reportMissingImports]

        return HTML(audio_element(wave, sr))
    sound = wav_bytes(wave, sr)  # checks both
    try:
        import sounddevice  # pyright: ignore[reportMissingImports]
    except (ImportError, OSError) as error:  # without PortAudio it is an OSError
        raise SpecInvError(
            f"The loudspeaker needs the package sounddevice and PortAudio ({error}): python -m pip "
            "install 'torch_specinv[live]'. Or write a file, with torch_specinv.io.write_audio."
        ) from error
    with wave_files.open(BytesIO(sound)) as reader:
        channels = reader.getnchannels()
        data = reader.readframes(reader.getnframes())
    samples = torch.frombuffer(bytearray(data), dtype=torch.int16).reshape(-1, channels)
    try:
        sounddevice.play(samples.numpy(), sr, blocking=True)
    except sounddevice.PortAudioError as error:
        raise SpecInvError(f"The loudspeaker cannot play at sr={sr}: {error}") from error
    return None


def in_notebook() -> bool:
    """Tell whether the code runs in a notebook."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and type(shell).__name__ in ("ZMQInteractiveShell", "Shell")
