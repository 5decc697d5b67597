"""Features of speech recognition.

In most of these a shorter window lies at the start of the FFT. Kaldi takes the mean off each frame,
and Kaldi and HTK raise high frequencies frame by frame and not once in the wave: so the first
sample of a frame differs, whose weight is 0 or little. Neither can be undone or is missed. Dither
is noise that was added, which stays.
"""

from __future__ import annotations

from ..conventions import MelSpec
from ..recipe import Preset

_OF_WHISPER = MelSpec(16000, power=2.0, log="log10", clamp=1e-10, reach=8.0, shift=-4.0, scale=4.0)
_WHISPER = "Radford and others 2023; github.com/openai/whisper, audio.py"


def kaldi(n_mels: int, window: str, source: str, shift: float = 0.0, scale: float = 1.0) -> Preset:
    """Return the recipe of Kaldi's filter banks, for waves in [-1, 1]."""
    mel = MelSpec(
        16000, fmin=20.0, filters="kaldi", power=2.0, log="ln", clamp=1.1920928955078125e-07,
        shift=shift, scale=scale,
    )  # fmt: skip
    return Preset(
        mel, n_mels, 512, 160, source, win_length=400, window=window, window_align="start",
        center=False, preemphasis=0.97,
    )  # fmt: skip


SPEECH_RECOGNITION: dict[str, Preset] = {
    "whisper": Preset(
        _OF_WHISPER, 80, 400, 160, _WHISPER
    ),
    "whisper_128": Preset(
        _OF_WHISPER, 128, 400, 160, _WHISPER
    ),
    # of Kaldi itself, WeNet and transformers: preset("kaldi", amplitude=32768.0)
    "kaldi": kaldi(80, "povey", "Povey and others 2011; torchaudio.compliance.kaldi.fbank"),
    "htk": Preset(
        MelSpec(16000, filters="htk", log="ln", clamp=1.0), 26, 512, 160,
        "Young and others: The HTK book, 5.6; HCopy with TARGETKIND = FBANK, HSigP.c",
        win_length=400, window="hamming_symmetric", window_align="start", center=False,
        preemphasis=0.97, amplitude=32768.0,
    ),
    "python_speech_features": Preset(
        MelSpec(
            16000, filters="python_speech_features", power=2.0, log="ln",
            clamp=2.220446049250313e-16,
        ), 26, 512, 160,
        "logfbank of github.com/jameslyons/python_speech_features, base.py",
        win_length=400, window="ones", window_align="start", center=False, normalized=True,
        preemphasis=0.97, amplitude=32768.0,
    ),
}  # fmt: skip
