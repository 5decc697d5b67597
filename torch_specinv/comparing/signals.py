"""Short clips to try things on: made from formulas and a seed, nothing to download."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

# (first, second, third formant in Hz) of five vowels, a male voice
_VOWELS = (
    (730, 1090, 2440),
    (270, 2290, 3010),
    (570, 840, 2410),
    (530, 1840, 2480),
    (300, 870, 2240),
)


def speech_like(sr: int = 22050, seconds: float = 2.5, seed: int = 0) -> Tensor:
    """Return a voice-like clip: gliding pitch, changing vowels, hissing consonants, pauses.

    Parameters
    ----------
    sr : int
        Sample rate in Hz.
    seconds : float
        Duration.
    seed : int
        For pitch, vowels and noise.

    Returns
    -------
    Tensor
        Shape (samples,), float32, peak 0.8.

    Examples
    --------
    >>> from torch_specinv.comparing.signals import speech_like
    >>> speech_like(sr=16000, seconds=1.0).shape
    torch.Size([16000])
    """
    draw = torch.Generator().manual_seed(seed)
    samples = round(seconds * sr)
    time = torch.arange(samples, dtype=torch.float64) / sr
    syllable = 0.22
    place = time / syllable
    count = int(place[-1]) + 2
    vowel = torch.randint(len(_VOWELS), (count,), generator=draw)
    formants = torch.tensor(_VOWELS, dtype=torch.float64)[vowel]
    pitch = 95 + 50 * torch.rand(count, generator=draw, dtype=torch.float64)
    # glide from one syllable's target to the next
    index = place.long()
    glide = (0.5 - 0.5 * torch.cos(math.pi * (place - index))).unsqueeze(-1)
    formant = formants[index] * (1 - glide) + formants[index + 1] * glide
    f0 = pitch[index] * (1 - glide[:, 0]) + pitch[index + 1] * glide[:, 0]
    f0 = f0 * (1 + 0.01 * torch.sin(2 * math.pi * 5.5 * time))
    phase = 2 * math.pi * (f0 / sr).cumsum(0)
    voice = torch.zeros_like(time)
    for harmonic in range(1, int(min(4500, 0.45 * sr) / 150)):
        f = harmonic * f0
        resonance = (1 / (1 + ((f[:, None] - formant) / 90) ** 2)).sum(-1) + 0.02
        voice += resonance / harmonic**0.7 * torch.sin(harmonic * phase)
    within = place - index
    voiced = torch.clamp(torch.minimum(within / 0.15, (0.85 - within) / 0.15), 0, 1)
    hiss = torch.randn(samples, generator=draw, dtype=torch.float64)
    hiss = hiss - 0.9 * hiss.roll(1)
    consonant = torch.exp(-(((within - 0.93) / 0.04) ** 2)) * (index % 3 != 2)
    spoken = index % 5 != 4  # every fifth syllable is a pause
    return _normalise_peak((voice * voiced + 0.5 * hiss * consonant) * spoken)


def music_like(sr: int = 22050, seconds: float = 2.5, seed: int = 0) -> Tensor:
    """Return a music-like clip: plucked chords with inharmonic, decaying partials, and a shaker.

    Parameters
    ----------
    sr : int
        Sample rate in Hz.
    seconds : float
        Duration.
    seed : int
        For notes and noise.

    Returns
    -------
    Tensor
        Shape (samples,), float32, peak 0.8.

    Examples
    --------
    >>> from torch_specinv.comparing.signals import music_like
    >>> music_like(sr=16000, seconds=1.0).shape
    torch.Size([16000])
    """
    draw = torch.Generator().manual_seed(seed)
    samples = round(seconds * sr)
    time = torch.arange(samples, dtype=torch.float64) / sr
    beat = 0.4
    wave = torch.zeros_like(time)
    scale = (0, 3, 5, 7, 10, 12, 15)
    for onset in range(math.ceil(seconds / beat)):
        since = time - onset * beat
        sounding = since >= 0
        since = since.clamp_min(0)
        for note in torch.randint(len(scale), (3,), generator=draw).tolist():
            f0 = 110 * 2 ** ((scale[note] + 12 * (onset % 2)) / 12)
            for partial in range(1, min(16, int(0.45 * sr / f0))):
                f = partial * f0 * math.sqrt(1 + 2e-4 * partial**2)
                decay = torch.exp(-since * (1.5 + 0.9 * partial))
                wave += sounding * decay * torch.sin(2 * math.pi * f * since) / partial
        noise = torch.randn(samples, generator=draw, dtype=torch.float64)
        wave += 0.3 * sounding * torch.exp(-since * 45) * (noise - noise.roll(1))
    return _normalise_peak(wave)


def _normalise_peak(wave: Tensor) -> Tensor:
    """Scale to a peak of 0.8, in float32."""
    return (0.8 * wave / wave.abs().max()).float()


#: The clips of the demo by name.
CLIPS: dict[str, Callable[..., Tensor]] = {"speech": speech_like, "music": music_like}
