"""What a preset stands for among the other keywords."""

from __future__ import annotations

import math
from dataclasses import replace

from torch import Tensor

from ..checks import check_finite, check_spectrogram, lift
from ..errors import SpecInvError
from ..mel import Preset, name_of, named_preset
from ..mel.plausible import check_restored, check_rows
from ..transform.geometry import STFTKeywords
from ..transform.plausible import check_plausible
from .settings import Settings


def check_size(preset: Preset, rows: int, frames: int) -> None:
    """Raise if an array has other numbers of rows and frames than its recipe makes."""
    check_rows(preset, name_of(preset), rows, frames)
    if not preset.is_mel and preset.n_fft is None and preset.nyquist:
        # asked here, as a window that is made to fit tells nothing
        told = {"win_length": preset.win_length} if preset.win_length else {}
        check_plausible(rows, frames, max(2 * (rows - 1), 1), told)


def follow_preset(
    name: str | Preset, spec: Tensor, settings: Settings, stft: STFTKeywords
) -> tuple[Preset, Tensor, Settings, STFTKeywords]:
    """Return a preset, and the spectrogram and the keywords of an inversion without one.

    A linear spectrogram becomes a magnitude. A mel spectrogram stays as it is, as its bands are
    read batch by batch. What the recipe does to waveforms is left to :meth:`Preset.finish`.
    """
    preset = named_preset(name)
    if spec.ndim < 2 or spec.numel() == 0:
        check_spectrogram(spec)
    given = [key for key in ("mel", "constraint") if getattr(settings, key) is not None]
    given += [key for key in stft if key != "window"]
    if given:
        raise SpecInvError(
            f"{', '.join(given)} and preset are both given, but preset already fixes them: pass "
            f"preset=torch_specinv.mel.preset({name if isinstance(name, str) else '...'!r}, "
            f"{given[0]}=...) to change what it says."
        )
    *batch, rows, frames = spec.shape
    check_size(preset, rows, frames)
    length, lengths = settings.length, settings.lengths
    if preset.padding and length is not None:
        length = preset.padded_length(length, frames)
    if preset.padding and lengths is not None and batch:
        lengths = preset.padded_lengths(lengths, math.prod(batch), frames)
    mel = preset.mel if preset.is_mel else None
    stft = {**preset.stft_keywords(rows, spec.device), **stft}
    if not preset.is_mel:
        padded = lengths is not None  # by anything, also by what is not finite
        if not padded:
            check_finite(spec, "spec")
        written, spec = spec, preset.magnitude(lift(spec))
        if not padded and not spec.is_complex():
            check_restored(written, spec, preset.values)
    return preset, spec, replace(settings, mel=mel, length=length, lengths=lengths), stft
