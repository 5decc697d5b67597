"""Scores of what is heard: of speech and of music, and why there are none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from torch import Tensor

from .dnsmos import DNSMOS_SCORES, dnsmos, why_not_dnsmos
from .music import MUSIC_SCORES, visqol, why_not_visqol
from .prediction import Prediction
from .speech import SPEECH_SCORES, is_narrow_band, perceived, why_not_speech

#: How to read the scores.
HEARD = {**SPEECH_SCORES, **DNSMOS_SCORES, **MUSIC_SCORES}
_NAMES = {"pesq": "PESQ", "estoi": "ESTOI", "visqol": "ViSQOL"}


class Clip(NamedTuple):
    """A recording to measure methods on."""

    name: str
    wave: Tensor
    """Shape (samples,)."""
    sr: int
    speech: bool = False
    """Whether to measure PESQ, ESTOI and DNSMOS, which are for speech."""


def heard(wave: Tensor, clip: Clip, *, music: bool) -> dict[str, float | None]:
    """Return the scores of a waveform against its clip: PESQ, ESTOI and DNSMOS, or ViSQOL.

    Parameters
    ----------
    wave : Tensor
        Shape (samples,).
    clip : Clip
        The original.
    music : bool
        Whether to measure ViSQOL where the clip is not speech; it takes about a second.
    """
    scores = perceived(wave, clip.wave, clip.sr) if clip.speech else (None, None)
    found = dict(zip(SPEECH_SCORES, scores, strict=True))
    found["dnsmos"] = dnsmos(wave, clip.sr) if clip.speech else None
    if music:
        found["visqol"] = None if clip.speech else visqol(wave, clip.wave, clip.sr)
    return found


def heard_alone(wave: Tensor, given: Prediction) -> dict[str, float | None]:
    """Return the score of a wave (samples,) that has no original: DNSMOS, of speech."""
    return {"dnsmos": dnsmos(wave, given.sr) if given.speech else None}


def left_out(clips: Iterable[Clip | Prediction]) -> list[str]:
    """Say which scores are missing for which clips, why, and what to install.

    Returns
    -------
    list of str
        Sentences; one that is true of several clips names them all. Empty where nothing is missing.
    """
    of_clips: dict[str, list[str]] = {}
    for clip in clips:
        for sentence in _missing(clip):
            of_clips.setdefault(sentence, []).append(clip.name)
    return [f"{sentence} ({', '.join(names)})." for sentence, names in of_clips.items()]


def _missing(clip: Clip | Prediction) -> Iterator[str]:
    without = why_not_dnsmos(clip.sr) if clip.speech else None
    if isinstance(clip, Prediction):
        yield "PESQ, ESTOI and ViSQOL are left out: an array has no original"
        if without is not None:
            yield f"DNSMOS is left out: {without}"
        return
    if not clip.speech:
        yield "PESQ and ESTOI are left out: they are for speech, pass --speech where it is"
        reason = why_not_visqol(clip.wave, clip.sr)
        if reason is not None:
            yield f"ViSQOL is left out: {reason}"
        return
    reasons = why_not_speech(clip.wave, clip.sr)
    for score, reason in reasons.items():
        yield f"{_NAMES[score]} is left out: {reason}"
    if without is not None:
        yield f"DNSMOS is left out: {without}"
    if "pesq" not in reasons and is_narrow_band(clip.sr):
        yield f"PESQ is the narrow-band one, to 4.55, at {clip.sr} Hz"
