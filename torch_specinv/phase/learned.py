r"""PGHI with steps that a small network has corrected.

PGHI reads the steps of the phase off the slopes of the log-magnitude, as if the window were a
Gaussian and the sound had one component at a time. :mod:`torch_specinv.phase.step_network` looks at
the log-magnitude around a bin and adds what is missing. The steps are integrated as PGHI's are.

This is the one start with parameters that were fitted to data. They lie in `learned_weights.npz`
and were trained by `training/learned_start.py`, in the repository, on sound that the script makes:
sentences spoken by espeak-ng, and notes, drums and noises from formulas. No recording was used, and
the licence is that of the package. They know windows, not voices: Hann, Hamming, Blackman and what
is between them, with half to seven eighths of overlap. Elsewhere PGHI's own steps are used, with a
warning. Results that are compared with others should be reported as learned.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..errors import warn
from ..transform.geometry import ConventionWarning, Geometry
from ..transform.stft import STFT
from . import step_network
from .forest import TURN
from .initial import checked, register_phase
from .pghi import pghi, phase_of_steps, to_fixed

#: Where the weights are.
WEIGHTS = Path(__file__).with_name("learned_weights.npz")
# What the training has seen of the conditions of the network, and a little more
_SEEN = ((-1.5, 1.5), (-0.5, 1.6), (-0.35, 0.4))


@checked
@register_phase("learned")
def learned(magnitude: Tensor, stft: STFT, generator: torch.Generator | None = None) -> Tensor:
    """Return the phase of PGHI with corrected steps, for (batch, bins, frames)."""
    g = stft.geometry
    width = g.window_shape.width
    if width == 0:
        return pghi(magnitude, stft, generator)
    conditions = step_network.conditions(g, width)
    if not all(low <= x <= high for x, (low, high) in zip(conditions, _SEEN, strict=True)):
        warn(
            "The learned start was trained for nothing like "
            f"hop_length={g.hop_length} with this window of {g.win_length} samples and "
            f"n_fft={g.n_fft}: PGHI is used instead.",
            ConventionWarning,
        )
        return pghi(magnitude, stft, generator)
    layers = _layers(step_network.basis(*conditions), magnitude.device)

    def correct(strength: Tensor, last: Tensor, steps: Tensor) -> Tensor:
        return steps + corrections(strength, g, width, layers, last)

    return phase_of_steps(magnitude, stft, width, correct)


def corrections(
    strength: Tensor,
    geometry: Geometry,
    width: float,
    layers: list[tuple[Tensor, Tensor]],
    last: Tensor,
) -> Tensor:
    """Return what to add to the steps of :func:`torch_specinv.phase.pghi.phase_steps`.

    Parameters
    ----------
    strength : Tensor
        Magnitudes (batch, frames, bins), float32, from 0 to 1.
    geometry : Geometry
        The transform; its number of frames may be another one.
    width : float
        Of the Gaussian nearest to the window.
    layers : list of tuple of Tensor
        Weight and bias of each layer, see :func:`torch_specinv.phase.step_network.kernels`.
    last : Tensor
        The last frame of each item, (batch,). What lies behind it is not looked at.

    Returns
    -------
    Tensor
        Along time and along frequency, int32 (2, batch, frames, bins), in units of 2^-32 turns.
    """
    by = strength.new_zeros(2, *strength.shape, dtype=torch.int32)
    bins = strength.shape[-1]
    # one by one, so that each is what it is alone, to the bit
    for item, end in enumerate((last + 1).tolist()):
        # not in the half precision that autocast would choose
        with torch.no_grad(), torch.autocast(strength.device.type, enabled=False):
            seen = step_network.features(strength[item : item + 1, :end], geometry, width)
            angles = step_network.run(seen, layers)
        for way, x in zip(by, angles, strict=True):
            way[item, :end] = to_fixed(x[0, :, :bins] * (TURN / (2 * math.pi)))
    return by


@cache
def _weights() -> dict[str, Tensor]:
    with np.load(WEIGHTS) as arrays:
        return {name: torch.from_numpy(arrays[name].astype(np.float32)) for name in arrays.files}


def _layers(powers: tuple[float, ...], device: torch.device) -> list[tuple[Tensor, Tensor]]:
    """Return weights and biases for a transform, laid out as the features are."""
    return [
        (weight.to(device).contiguous(memory_format=torch.channels_last), bias.to(device))
        for weight, bias in step_network.kernels(_weights(), powers)
    ]
