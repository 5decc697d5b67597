"""A quick look at what is about to be inverted as a magnitude."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..errors import warn
from ..geometry import ConventionWarning
from .diagnosing import conclude
from .looking import Look
from .units import UNITS
from .weighing import weigh

# Frames of the quick look
_FRAMES = 64
# Texture that magnitudes seldom have
_SMOOTH = 0.1
_ROUGH = 0.95
_CHANGING = 0.0
# Probability from which a caller is disturbed
_PLAIN = 0.95


def warn_unless_magnitude(spec: Tensor) -> None:
    """Warn if a linear spectrogram (..., bins, frames) is plainly not one of magnitudes."""
    array = spec.detach().reshape(-1, *spec.shape[-2:])[:1]
    frames = array.shape[-1]
    if frames < 8 or array.shape[-2] < 33:
        return
    begin = max(0, frames // 2 - _FRAMES // 2)
    part = array[..., begin : begin + _FRAMES].cpu().double()
    peaks, changes = Look.at(part).texture(UNITS[0], 1.0)
    if math.isnan(peaks) or math.isnan(changes):
        return
    # a power is rough along both axes; sharp peaks that never change are those of a tone
    rough = peaks > _ROUGH and changes > _CHANGING
    if peaks > _SMOOTH and not rough:
        return
    array = array.cpu().double()
    if not bool(torch.isfinite(array).all()) or bool((array < 0).any()):
        return
    looks = {False: Look.at(array)}
    found = conclude(tuple(spec.shape), weigh(looks, None, only="linear"), looks)
    if found.unit != UNITS[0].name and found.confidence > _PLAIN:
        warn(
            f"spec is inverted as a magnitude, but looks like {found.what}: perhaps {found.call}. "
            "print(torch_specinv.diagnose(spec)) says more.",
            ConventionWarning,
        )
