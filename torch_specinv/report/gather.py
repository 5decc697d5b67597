"""What a report shows: for each clip, the original and what every method makes of it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from ..comparing import Clip, check_methods
from ..comparing.listening import heard
from ..comparing.measure import measured_metrics, other_method
from ..errors import SpecInvError, check_count
from ..inversion.invert import invert
from ..io import read_audio
from ..solve.algorithm import make_algorithm
from ..transform.stft import STFT

#: The names of the sound that is reconstructed, and of what bounds a listening test from below.
REFERENCE, ANCHOR = "reference", "anchor"
# The anchor of ITU-R BS.1534: a low pass at 3.5 kHz
_ANCHOR_HZ = 3500.0
# Files of other systems may be longer or shorter than the original by so many seconds
_TOLERANCE = 0.1
# The points of a convergence curve
_POINTS = 20


@dataclass(frozen=True, eq=False)
class Sound:
    """One waveform of a clip."""

    method: str
    """Who made it; "reference" is the original."""
    wave: Tensor
    """Shape (samples,), float32."""
    values: Mapping[str, float | None] = field(default_factory=dict)
    """Metrics by name; None is one that can't be measured here."""
    curve: Sequence[tuple[int, float]] = ()
    """(iterations, spectral convergence in dB)."""
    seconds: float | None = None
    """How long the method took."""
    note: str = ""
    """What the reader should know, e.g. that it was shortened."""


@dataclass(frozen=True, eq=False)
class Entry:
    """One clip with all its sounds, the reference first; a predicted spectrogram has none."""

    name: str
    sr: int
    n_fft: int
    hop_length: int
    sounds: tuple[Sound, ...]
    anchor: Tensor | None
    """The reference through a low pass at 3.5 kHz, for listening tests; None without one."""


def read_clips(
    files: Sequence[str | Path], seconds: float | None = None, *, speech: bool = False
) -> list[Clip]:
    """Read the first channel of audio files.

    Parameters
    ----------
    files : sequence of path
        Audio files, whose names without the suffix differ.
    seconds : float, optional
        Use no more of each.
    speech : bool, default False
        Measure PESQ, ESTOI and DNSMOS, where pesq, pystoi and speechmos are installed.

    Raises
    ------
    SpecInvError
        If a file is missing or is no audio, two have the same name, or `seconds` is not positive.
    """
    if seconds is not None and not 0 < seconds < math.inf:
        raise SpecInvError(f"seconds={seconds!r}: expected more than 0.")
    names = [Path(file).stem for file in files]
    for name in names:
        if names.count(name) > 1:
            raise SpecInvError(f"{name} is the name of {names.count(name)} files: rename some.")
    clips: list[Clip] = []
    for file in files:
        waves, sr = read_audio(file)
        end = None if seconds is None else max(1, round(seconds * sr))
        clips.append(Clip(Path(file).stem, waves[0, :end], sr, speech))
    return clips


def gather(
    clips: Sequence[Clip],
    methods: Sequence[str] = ("auto", "griffin_lim"),
    *,
    systems: Mapping[str, str | Path] | None = None,
    max_iter: int = 100,
    n_fft: int = 1024,
    hop_length: int | None = None,
) -> Iterator[Entry]:
    """Reconstruct clips from their magnitude by several methods.

    Parameters
    ----------
    clips : sequence of Clip
        The originals, e.g. from :func:`read_clips`.
    methods : sequence of str
        Algorithms, with their start behind a colon where it is not the usual one
        (``"griffin_lim:spsi"``), the peers "librosa" and "torchaudio", and ``module:function``.
    systems : mapping of str to path, optional
        Other systems by name: folders with audio files of the same names (of any audio suffix).
    max_iter : int, default 100
        Iterations of each method.
    n_fft, hop_length : int
        The STFT, with a Hann window. Default: 1024, and a quarter of it.

    Yields
    ------
    Entry
        One for each clip.

    Raises
    ------
    SpecInvError
        If a method is unknown, or a file of a system has another sample rate or length; before any
        work is done.
    """
    check_methods(methods)
    check_count("max_iter", max_iter)
    for name in {*methods} & {*(systems or {})}:
        raise SpecInvError(f"{name} is the name of a method and of a system: rename the system.")
    others = [_read_systems(clip, systems or {}) for clip in clips]
    for clip, made in zip(clips, others, strict=True):
        yield entry_of(clip, made, methods, max_iter, n_fft, hop_length)


def _read_systems(clip: Clip, systems: Mapping[str, str | Path]) -> dict[str, tuple[Tensor, str]]:
    """Return the waves of other systems, as long as the original, with notes; missing ones not."""
    found: dict[str, tuple[Tensor, str]] = {}
    for name, folder in systems.items():
        if name in (REFERENCE, ANCHOR):
            raise SpecInvError(f"a system can't be called {name!r}: choose another name.")
        if not Path(folder).is_dir():
            raise SpecInvError(f"{folder} of the system {name!r} is no folder.")
        files = sorted(path for path in Path(folder).iterdir() if path.stem == clip.name)
        if not files:
            continue
        waves, sr = read_audio(files[0])
        if sr != clip.sr:
            raise SpecInvError(
                f"{files[0]} has {sr} Hz, the original {clip.sr} Hz: resample one of them."
            )
        wave, missing = waves[0], len(clip.wave) - waves.shape[-1]
        if missing > _TOLERANCE * sr:
            raise SpecInvError(
                f"{files[0]} has {-missing / sr:+.2f} s beside the original: align them first."
            )
        note = "" if missing == 0 else f"{abs(missing)} samples {'added' if missing > 0 else 'cut'}"
        found[name] = torch.nn.functional.pad(wave, (0, missing)), note
    return found


def entry_of(
    clip: Clip,
    systems: Mapping[str, tuple[Tensor, str]],
    methods: Sequence[str] = (),
    max_iter: int = 100,
    n_fft: int = 1024,
    hop_length: int | None = None,
) -> Entry:
    """Return a clip with waves of other systems, as long as the clip, and those of methods."""
    window = torch.hann_window(n_fft)
    stft = STFT.of_wave(clip.wave, n_fft=n_fft, hop_length=hop_length, window=window)
    truth = stft(clip.wave)
    sounds = [Sound(REFERENCE, clip.wave)]
    for method in methods:
        began = time.perf_counter()
        wave, curve = _solve(method, truth, stft, max_iter)
        took = time.perf_counter() - began
        sounds.append(Sound(method, wave, _values(wave, truth, stft, clip), curve, took))
    for name, (wave, note) in systems.items():
        sounds.append(Sound(name, wave, _values(wave, truth, stft, clip), note=note))
    g = stft.geometry
    anchor = low_pass(clip.wave, clip.sr)
    return Entry(clip.name, clip.sr, g.n_fft, g.hop_length, tuple(sounds), anchor)


def _solve(
    method: str, truth: Tensor, stft: STFT, max_iter: int
) -> tuple[Tensor, tuple[tuple[int, float], ...]]:
    """Return a wave and its convergence."""
    other = other_method(method)
    if other is not None:
        return other(truth, stft, max_iter).float(), ()
    name, _, start = method.partition(":")
    result = invert(
        truth,
        make_algorithm(name, {}),
        init=start or None,
        max_iter=max_iter,
        tol=0,
        eva_iter=max(1, max_iter // _POINTS),
        length=stft.geometry.length,
        verbose=False,
        **stft.geometry.keywords(),
    )
    curve = zip(result.evaluated, result.history["sc"].tolist(), strict=True)
    return result.wave.float(), tuple((step, value) for step, value in curve)


def _values(wave: Tensor, truth: Tensor, stft: STFT, clip: Clip) -> dict[str, float | None]:
    found = stft(wave)
    values: dict[str, float | None] = {
        name: float(metric(found, truth)) for name, metric in measured_metrics().items()
    }
    return {**values, **heard(wave, clip, music=not clip.speech)}


def low_pass(wave: Tensor, sr: int) -> Tensor:
    """Return what is below 3.5 kHz, with an edge of 10 % of that."""
    frequencies = torch.fft.rfftfreq(len(wave), 1 / sr)
    edge = ((_ANCHOR_HZ - frequencies) / (0.1 * _ANCHOR_HZ)).clamp(-1, 1)
    gain = 0.5 + 0.5 * torch.sin(edge * math.pi / 2)
    return torch.fft.irfft(torch.fft.rfft(wave) * gain, len(wave))
