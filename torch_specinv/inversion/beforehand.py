"""What can be said of a spectrogram before any work: what it is not, and how loud it is."""

from __future__ import annotations

from torch import Tensor

from ..checks import lift
from ..derivatives import is_hidden, value_of
from ..mel import MelSpec, Preset, name_of
from ..mel.plausible import least_peak
from ..transform.geometry import Geometry
from ..transform.stft import STFT
from .settings import Settings


def warn_unless_plausible(
    spec: Tensor,
    settings: Settings,
    preset: Preset | None,
    geometry: Geometry,
    frame_mask: Tensor | None = None,
) -> None:
    """Warn if what is given is plainly something else than what it is said to be.

    One item of a batch is looked at, see :func:`_telling`.
    """
    if settings.constraint is not None or spec.is_complex() or is_hidden(spec, geometry.window):
        return
    from .. import doctor  # where it is needed

    spec, window = value_of(spec), value_of(geometry.window)
    mel, n_fft = settings.mel, geometry.n_fft
    if mel is None:
        doctor.warn_unless_magnitude(_telling(spec, frame_mask), window)
    elif isinstance(mel, MelSpec):
        name = None if preset is None else name_of(preset)
        amplitude = 1.0 if preset is None else preset.amplitude
        doctor.warn_unless_recorded(
            _telling(spec, frame_mask), mel, n_fft, window, name, _gain(preset, geometry), amplitude
        )


def peak_at_least(spec: Tensor, settings: Settings, preset: Preset | None, stft: STFT) -> float:
    """Return a peak that every waveform with this spectrogram reaches; 0 where none is known."""
    mel, g = settings.mel, stft.geometry
    if settings.constraint is not None or settings.lengths is not None:
        return 0.0
    if mel is None:
        peak = least_peak(spec.abs(), g.window)
    elif isinstance(mel, MelSpec):
        bank = mel.bank(g.n_fft, spec.shape[-2])
        peak = least_peak(mel.restore(lift(spec)), g.window, bank, mel.power)
    else:
        return 0.0
    # what pre-emphasis makes of a wave reaches at most 1 + c times its peak
    emphasised = 1.0 if preset is None else 1 + abs(preset.preemphasis)
    return peak * _gain(preset, g) / emphasised


def _gain(preset: Preset | None, geometry: Geometry) -> float:
    """Return what the waves of plain spectra have to be multiplied by."""
    root = geometry.n_fft**0.5 if geometry.normalized else 1.0
    return root if preset is None else root * preset.gain(geometry.n_fft)


def _telling(spec: Tensor, frame_mask: Tensor | None) -> Tensor:
    """Return the item (rows, frames) that tells most of a batch.

    It is the one that goes furthest from its least value to its greatest, or the longest one,
    without what lies behind it.
    """
    items = spec.detach().reshape(-1, *spec.shape[-2:])
    if frame_mask is not None:
        counts = frame_mask.sum(1)
        longest = int(counts.argmax())
        return items[longest, :, : int(counts[longest])]
    if len(items) == 1:
        return items[0]
    return items[int(lift(items.amax((1, 2)) - items.amin((1, 2))).argmax())]
