"""A quick check whether a spectrogram that is inverted as a magnitude looks like another one."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from ..errors import warn
from ..transform.geometry import ConventionWarning
from .diagnosing import conclude
from .kinds import kinds_under
from .measure import Measurement, QuickTexture
from .units import UNITS
from .weighing import weigh
from .windows import sharpness

# Frames that are checked
_FRAMES = 64
# Bounds of the texture (see measure.py) under a Hann window as long as the FFT: magnitudes seldom
# have a lower one, and their roots seldom a higher one
_SMOOTH = 0.1
_ROUGH = 0.26
_CHANGING = -0.7
# How much the texture of loud and quiet bins of a power may differ
_UNEVEN = 0.6
# A bin is loud where it reaches this share of the maximum. Less than this share of loud bins is a
# tone, which has no texture.
_LOUD = 1e-4
_BROAD = 0.2
# The fewest bins and frames that tell enough
_LEAST = (200, 8)
# The units that are warned of
_TOLD = ("power", "100 dB normalised to [0, 1]", "a logarithm stretched to its own range")
# The probability from which there is a warning
_PLAIN = 0.977


def warn_unless_magnitude(spec: Tensor, window: Tensor) -> None:
    """Warn if a linear spectrogram (bins, frames) is plainly not one of magnitudes.

    `window` is that of the STFT, (n_fft,).
    """
    frames = spec.shape[-1]
    if frames < _LEAST[1] or spec.shape[-2] < _LEAST[0] or window.is_complex():
        return
    array = spec.detach()[None]
    begin = max(0, frames // 2 - _FRAMES // 2)
    part = array[..., begin : begin + _FRAMES].cpu().float()
    line, sharper = UNITS[0].straighten(part[0]), sharpness(window)
    texture = QuickTexture(line)
    smooth = not texture.peaks_above(_SMOOTH + sharper) and texture.is_known
    if not smooth:
        # a power is rough along both axes; sharp peaks that never change are those of a tone
        root = QuickTexture(line, 2.0)
        rough = root.peaks_above(_ROUGH + sharper) and root.is_known
        if not (rough and texture.changes_above(_CHANGING)):
            return
    if float((part > part.max() * _LOUD).any(-1).double().mean()) < _BROAD:
        return
    array = array.cpu().double()
    if not bool(torch.isfinite(array).all()) or bool((array < 0).any()):
        return
    measured = Measurement.at(array)
    measurements = {False: measured}
    readings = weigh(measurements, partial(kinds_under, window))
    found = conclude(tuple(spec.shape), readings, measurements)
    odd = found.unit == "power" and abs(measured.evenness(UNITS[1], 2.0)) > _UNEVEN
    if found.unit in _TOLD and found.confidence > _PLAIN and not odd:
        warn(
            f"spec is inverted as a magnitude, but looks like {found.what}: perhaps {found.call}. "
            "print(torch_specinv.diagnose(spec)) says more.",
            ConventionWarning,
        )
