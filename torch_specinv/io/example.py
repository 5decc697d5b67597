"""Sounds to try things on."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from ..errors import check_choice
from .audio import read_audio

_SOUNDS = Path(__file__).parent / "sounds"
_NAMES = ("speech", "music")


def example(name: str = "speech") -> tuple[Tensor, int]:
    """Return a sound to try things on.

    Parameters
    ----------
    name : str, default "speech"
        "speech": two sentences by the synthesiser espeak-ng. "music": guitar and flute of the
        soundfont FluidR3 (MIT licence), played by FluidSynth. Both were made for this package, by
        ``docs/make_sounds.py``, and are free to use like the rest of it.

    Returns
    -------
    tuple of Tensor and int
        The waveform (samples,), float32 within [-0.5, 0.5], of about 5 s, and the sample rate,
        22050 Hz.

    Raises
    ------
    SpecInvError
        If there is no such sound.

    Examples
    --------
    >>> from torch_specinv import example
    >>> wave, sr = example("music")
    >>> wave.shape, sr
    (torch.Size([110250]), 22050)
    """
    check_choice("name", name, _NAMES)
    waves, sr = read_audio(_SOUNDS / f"{name}.flac")
    return waves[0], sr
