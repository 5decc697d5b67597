"""A quick check whether a spectrogram that is inverted as a magnitude looks like another one."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import warn
from ..transform.geometry import ConventionWarning
from .diagnosing import conclude
from .measure import Measurement, QuickTexture
from .units import UNITS
from .weighing import weigh

# Frames that are checked
_FRAMES = 64
# Bounds of the texture (see measure.py) outside of which magnitudes seldom are
_SMOOTH = 0.1
_ROUGH = 0.95
_CHANGING = 0.0
# A bin is loud where it reaches this share of the maximum. Less than this share of loud bins is a
# tone, which has no texture.
_LOUD = 1e-4
_BROAD = 0.2
# The fewest bins and frames that tell enough
_LEAST = (200, 8)
# The least cosine between a window and Hann's for it to count as one
_HANN = 0.999
# The units that are warned of
_TOLD = ("power", "100 dB normalised to [0, 1]", "a logarithm stretched to its own range")
# The probability from which there is a warning
_PLAIN = 0.97


def warn_unless_magnitude(spec: Tensor, window: Tensor) -> None:
    """Warn if a linear spectrogram (..., bins, frames) is plainly not one of magnitudes.

    Only its first item is looked at, and only under a Hann window, whose texture is known.
    """
    if window.is_complex():
        return
    hann = torch.hann_window(len(window), dtype=window.dtype, device=window.device)
    if torch.cosine_similarity(window, hann, dim=0) < _HANN:
        return
    array = spec.detach().reshape(-1, *spec.shape[-2:])[:1]
    frames = array.shape[-1]
    if frames < _LEAST[1] or array.shape[-2] < _LEAST[0]:
        return
    begin = max(0, frames // 2 - _FRAMES // 2)
    part = array[..., begin : begin + _FRAMES].cpu().float()
    texture = QuickTexture(UNITS[0].straighten(part[0]))
    # a power is rough along both axes; sharp peaks that never change are those of a tone
    smooth = texture.is_known and not texture.peaks_above(_SMOOTH)
    rough = texture.is_known and texture.peaks_above(_ROUGH) and texture.changes_above(_CHANGING)
    if not (smooth or rough):
        return
    if float((part > part.max() * _LOUD).any(-1).double().mean()) < _BROAD:
        return
    array = array.cpu().double()
    if not bool(torch.isfinite(array).all()) or bool((array < 0).any()):
        return
    measurements = {False: Measurement.at(array)}
    found = conclude(tuple(spec.shape), weigh(measurements, None, only="linear"), measurements)
    if found.unit in _TOLD and found.confidence > _PLAIN:
        warn(
            f"spec is inverted as a magnitude, but looks like {found.what}: perhaps {found.call}. "
            "print(torch_specinv.diagnose(spec)) says more.",
            ConventionWarning,
        )
