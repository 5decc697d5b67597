"""Magnitudes as users have them: made wrong, in known ways, from those of a recording."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from ..errors import SpecInvError, check_seed, read_number, shown
from ..forks import cached_property
from ..plugins import calling, check_returned, is_foreign
from ..registry import Registry
from ..transform.filter_banks import mel_scale
from ..transform.stft import STFT

#: The least and the greatest strength.
LEAST, MOST = 0.1, 10.0
# What is further than this below the largest magnitude has the logarithm of that level: -120 dB.
_FLOOR = 1e-6
# Where a Gaussian is cut off, in standard deviations
_REACH = 4.0


@dataclass(frozen=True, eq=False)
class Recording:
    """A recording whose magnitude is degraded."""

    wave: Tensor
    """Shape (samples,)."""
    sr: int
    """Sample rate in Hz."""
    stft: STFT

    @cached_property
    def spectrum(self) -> Tensor:
        """The STFT of the wave, (bins, frames)."""
        return self.stft.analyse(self.wave)

    @property
    def magnitude(self) -> Tensor:
        """The true magnitude, (bins, frames)."""
        return self.spectrum.abs()


class Given(NamedTuple):
    """A degraded magnitude, which methods are given."""

    magnitude: Tensor
    """Shape (bins, frames)."""
    phase: Tensor | None = None
    """In radians, where one is known."""


Degrade = Callable[[Recording, float, torch.Generator], Given]
_D = TypeVar("_D", bound=Degrade)

#: The kinds of degradation by name: functions of (recording, strength, generator).
DEGRADATIONS: Registry[Degrade] = Registry("degrade")


def register_degradation(name: str) -> Callable[[_D], _D]:
    """Return a decorator that adds a function of (recording, strength, generator) under `name`.

    It returns a :class:`~torch_specinv.comparing.degrade.Given`. Strength 1 is the usual one, and
    more is worse.
    """
    return DEGRADATIONS.register(name)


@dataclass(frozen=True)
class Degradation:
    """A kind of degradation with its strength: a function of recordings.

    Parameters
    ----------
    kind : str
        One of ``DEGRADATIONS``: "exact", "smooth", "noisy", "masked", "mel" or "lowrank".
    strength : float, default 1.0
        From 0.1 to 10; more is worse.
    seed : int, default 0
        For what is drawn at random.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv import STFT
    >>> from torch_specinv.comparing.degrade import Degradation, Recording
    >>> from torch_specinv.comparing.signals import speech_like
    >>> wave = speech_like(16000, 0.5)
    >>> stft = STFT.of_wave(wave, n_fft=512, window=torch.hann_window(512))
    >>> given = Degradation.read("noisy:0.5")(Recording(wave, 16000, stft))
    >>> given.magnitude.shape
    torch.Size([257, 63])
    """

    kind: str
    strength: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        DEGRADATIONS.named(self.kind, "kind")
        check_seed(self.seed)
        strength = read_number(self.strength)
        if not LEAST <= strength <= MOST:
            told = shown(self.strength) if math.isnan(strength) else f"{strength:g}"
            raise SpecInvError(
                f"degrade='{self.kind}:{told}': expected a strength from {LEAST:g} to {MOST:g}; 1 "
                "is the usual one."
            )
        if self.kind == "exact" and self.strength != 1:
            raise SpecInvError(f"degrade={self.name!r}: an exact magnitude has no strength.")

    @classmethod
    def read(cls, text: str, seed: int = 0) -> Degradation:
        """Read a kind and its strength, such as "noisy" or "noisy:0.5"."""
        kind, colon, strength = text.strip().partition(":")
        try:
            number = float(strength) if colon else 1.0
        except ValueError as error:
            raise SpecInvError(
                f"degrade={text!r}: expected a kind, or a kind and its strength such as noisy:0.5."
            ) from error
        DEGRADATIONS.named(kind)
        return cls(kind, number, seed)

    @property
    def name(self) -> str:
        """The kind, and the strength where it is not 1, as :meth:`read` reads them."""
        return self.kind if self.strength == 1 else f"{self.kind}:{self.strength:g}"

    def __call__(self, recording: Recording) -> Given:
        """Make what methods are given; the same every time."""
        generator = torch.Generator().manual_seed(self.seed)
        degrade, true = DEGRADATIONS[self.kind], recording.magnitude
        if not is_foreign(degrade):
            return degrade(recording, self.strength, generator)
        label = f"degrade {self.kind!r}"
        with calling(label):
            given = degrade(copy.deepcopy(recording), self.strength, generator)
        if not isinstance(given, Given):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise SpecInvError(f"{label} returned a {type(given).__name__}: expected a Given.")
        magnitude = check_returned(given.magnitude, label, true.shape, true, finite=True)
        phase = given.phase
        if phase is not None:
            phase = check_returned(phase, f"{label}, as its phase,", true.shape, true, finite=True)
        return Given(magnitude, phase)


@register_degradation("exact")
def exact(recording: Recording, _strength: float, _generator: torch.Generator) -> Given:
    """Leave the magnitude as it is."""
    return Given(recording.magnitude)


@register_degradation("smooth")
def smooth(recording: Recording, strength: float, _generator: torch.Generator) -> Given:
    """Blur the log-magnitude by a Gaussian of 1 bin and 0.7 frames, times the strength.

    So does a network that was trained by regression: it predicts the mean of what is possible.
    """
    blurred = gaussian_blur(_log(recording.magnitude), strength, 0.7 * strength)
    return Given(blurred.exp())


@register_degradation("noisy")
def noisy(recording: Recording, strength: float, generator: torch.Generator) -> Given:
    """Give every value an independent error of 0.35 nepers (3 dB), times the strength."""
    magnitude = recording.magnitude
    noise = torch.randn(magnitude.shape, generator=generator, dtype=magnitude.dtype)
    return Given(magnitude * torch.exp(0.35 * strength * noise))


@register_degradation("masked")
def masked(recording: Recording, strength: float, generator: torch.Generator) -> Given:
    """Mask a mixture with pink noise 5 dB below; the noise's amplitude is times the strength.

    The mask is the square root of the true Wiener gain, blurred by 1 bin and 1 frame: what a good
    network for enhancement or separation predicts. The phase is that of the mixture.
    """
    wave, stft = recording.wave, recording.stft
    noise = pink_noise(len(wave), recording.sr, generator).to(wave.dtype)
    level = wave.square().mean().sqrt() * 10 ** (-5 / 20)
    noise = strength * level * noise
    mixture, alone = stft.analyse(wave + noise), stft(noise)
    power = recording.magnitude.square()
    gain = (power / (power + alone.square()).clamp_min(torch.finfo(power.dtype).tiny)).sqrt()
    return Given(gaussian_blur(gain, 1.0, 1.0) * mixture.abs(), mixture.angle())


@register_degradation("mel")
def mel(recording: Recording, strength: float, _generator: torch.Generator) -> Given:
    """Add up 80 mel bands, over the strength, and spread them out to bins again.

    By non-negative least squares, as ``librosa.feature.inverse.mel_to_stft`` does.
    """
    import librosa

    g = recording.stft.geometry
    if not g.onesided:
        raise SpecInvError("degrade='mel' is for one-sided spectrograms: pass onesided=True.")
    magnitude = recording.magnitude
    bands = min(max(round(80 / strength), 1), len(magnitude))
    with warnings.catch_warnings(action="ignore"):  # bands between two bins are empty
        bank = mel_scale(recording.sr, g.n_fft, bands).numpy()
    spread = librosa.util.nnls(bank, bank @ magnitude.float().numpy())
    return Given(torch.from_numpy(spread).to(magnitude))


@register_degradation("lowrank")
def lowrank(recording: Recording, strength: float, _generator: torch.Generator) -> Given:
    """Keep 24 principal components of the log-magnitude, over the strength.

    So does the bottleneck of an autoencoder or codec.
    """
    log = _log(recording.magnitude)
    mean = log.mean(1, keepdim=True)
    u, s, v = torch.linalg.svd((log - mean).double(), full_matrices=False)
    kept = min(max(round(24 / strength), 1), len(s))
    components = (u[:, :kept] * s[:kept]) @ v[:kept]
    return Given((mean + components.to(log.dtype)).exp())


def _log(magnitude: Tensor) -> Tensor:
    """Return the natural logarithm, of what is not too far below the largest value."""
    least = (_FLOOR * magnitude.max()).clamp_min(torch.finfo(magnitude.dtype).tiny)
    return magnitude.maximum(least).log()


def gaussian_blur(x: Tensor, rows: float, frames: float) -> Tensor:
    """Blur (rows, frames) by Gaussians of these standard deviations; the ends go on as they are."""
    return _blur(_blur(x, rows).mT, frames).mT


def _blur(x: Tensor, deviation: float) -> Tensor:
    """Blur along rows."""
    reach = math.ceil(_REACH * deviation)
    offset = torch.arange(-reach, reach + 1, dtype=x.dtype)
    weights = torch.exp(-0.5 * (offset / deviation).square())
    weights = weights / weights.sum()
    place = torch.arange(len(x))
    total = torch.zeros_like(x)
    for weight, step in zip(weights, offset.long(), strict=True):
        total += weight * x[(place + step).clamp(0, len(x) - 1)]
    return total


def pink_noise(samples: int, sr: int, generator: torch.Generator) -> Tensor:
    """Return noise of power 1 that falls by 3 dB an octave from 20 Hz on, double precision."""
    white = torch.randn(samples, generator=generator, dtype=torch.float64)
    frequency = torch.fft.rfftfreq(samples, 1 / sr, dtype=torch.float64)
    pink = torch.fft.irfft(torch.fft.rfft(white) / frequency.clamp_min(20.0).sqrt(), samples)
    return pink / pink.square().mean().sqrt()
