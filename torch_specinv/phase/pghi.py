r"""Phase gradient heap integration, without the heap.

For a Gaussian window the derivatives of the phase are those of the log-magnitude, turned by 90
degrees. With :math:`\gamma` the width of the Gaussian that is nearest to the window,
:math:`g(n) = e^{-\pi (n-c)^2 / \gamma}`, hop length a, :math:`N` for n_fft, frame m and bin k:

.. math::

    \phi[m+1, k] - \phi[m, k] &= 2\pi \frac{a k}{N}
        + \frac{a N}{\gamma} \frac{\partial \log S}{\partial k}, \\
    \phi[m, k+1] - \phi[m, k] &= -2\pi \frac{c}{N}
        - \frac{\gamma}{a N} \frac{\partial \log S}{\partial m} .

The differences are integrated from the strong bins to the weak ones. Then phases that are known
exactly are set: a frame centred on an end that is padded by reflection is even. (Bins 0 and N/2,
which are real, become so with every start, see :func:`~torch_specinv.phase.starting_spectrum`.)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import warn
from ..native import Slopes
from ..transform.geometry import ConventionWarning, Geometry
from ..transform.stft import STFT
from .forest import TURN, integrate, is_compiled
from .initial import checked, register_phase
from .spsi import spsi

# Magnitudes below this share of the largest one are raised to it: they are noise.
FLOOR = 1e-7
# A unit of phase, 2^-32 turns
_RADIANS = 2 * math.pi / TURN
# Items with about so many bins are integrated at a time: each takes the memory of ten numbers.
_AT_A_TIME = 2**23
# How near the end of a signal is to the centre of a frame about which it is even, in samples: but
# for one, which periodic windows are off their centre
_NEAR = 1.5
# Bins of at most this share of the largest magnitude get the phase 0.
_TOLERANCE = 1e-6


#: Changes the steps of a strength (batch, frames, bins) whose items end with the frames (batch,).
#: Steps are those along time and those along frequency, int32, (2, batch, frames, bins).
Change = Callable[[Tensor, Tensor, Tensor], Tensor]


@checked
@register_phase("pghi")
def pghi(magnitude: Tensor, stft: STFT, generator: torch.Generator | None = None) -> Tensor:
    """Return the phase of PGHI (Průša, Balazs, Søndergaard 2017) for (batch, bins, frames)."""
    width = stft.geometry.window_shape.width
    if width == 0:
        warn(
            "PGHI takes the window for a Gaussian, which this one is nothing like (complex, or of "
            "one sample): SPSI is used instead.",
            ConventionWarning,
        )
        return spsi(magnitude, stft, generator)
    batch, bins, frames = magnitude.shape
    size = max(1, _AT_A_TIME // (bins * frames))
    if size >= batch or is_compiled(magnitude):
        return phase_of_steps(magnitude, stft, width)
    phase = magnitude.new_empty(batch, frames, bins).mT
    every = torch.arange(batch, device=magnitude.device)
    for first in range(0, batch, size):
        some = slice(first, first + size)
        phase[some] = phase_of_steps(magnitude[some], stft.select(every[some]), width)
    return phase


def phase_of_steps(
    magnitude: Tensor,
    stft: STFT,
    width: float,
    change: Change | None = None,
    along_time: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> Tensor:
    """Integrate the steps that a magnitude (batch, bins, frames) implies.

    `change`, given the magnitude (batch, frames, bins) from 0 to 1, the last frame of each item and
    the steps of :func:`phase_steps`, returns the steps to integrate. `along_time` makes those along
    time alone, given that magnitude and its logarithm.
    """
    g = stft.geometry
    s = magnitude.mT.float()
    peak = s.amax((-2, -1), keepdim=True)
    peak = peak + (peak == 0)
    even_ends = g.center and g.pad_mode == "reflect"
    compiled = change is None and is_compiled(s)
    asked = compiled or change is not None or stft.frame_mask is not None
    last = stft.lengths_and_last_frames(len(s))[1] if asked else None
    if compiled and last is not None:
        log, known = partial(_logarithms, s, peak), None
        if along_time is not None:
            strength = torch.div(s, peak)
            whole = strength.clamp_min(FLOOR).log_()
            log, known = partial(_part, whole), along_time(strength, whole)
            del strength
        steps = Slopes(
            log=log,
            carrier=carrier(g, s),
            last=last,
            odd=g.n_fft % 2 == 1,
            even_ends=even_ends,
            along_time=known,
            **_slopes(g, width)._asdict(),
        )
        unit = _RADIANS if magnitude.dtype == torch.float32 else 0.0
        turns = integrate(s, steps, _TOLERANCE, peak.flatten(), unit)
    else:
        strength = (s / peak).contiguous()
        steps = phase_steps(strength, g, width, last, even_ends=even_ends)
        if along_time is not None:
            steps[0] = along_time(strength, strength.clamp_min(FLOOR).log_())
        if last is not None and change is not None:
            steps = change(strength, last, steps)
        turns = integrate(strength, steps, _TOLERANCE)
        del strength
    del steps  # what follows needs the memory
    whole = turns.dtype == torch.int32
    phase = turns.to(magnitude.dtype).mul_(_RADIANS) if whole else turns
    return even_at_ends(phase, stft).mT


def _logarithms(magnitude: Tensor, peak: Tensor, items: slice, frames: slice) -> Tensor:
    """Return the logarithms of a part of (batch, frames, bins), relative to peaks (batch, 1, 1)."""
    return torch.div(magnitude[items, frames], peak[items]).clamp_min_(FLOOR).log_()


def _part(whole: Tensor, items: slice, frames: slice) -> Tensor:
    return whole[items, frames]


def carrier(geometry: Geometry, strength: Tensor) -> Tensor:
    """Return by how much the centre of each bin advances in a hop: int32, 2^-32 turns, (bins,)."""
    # exact in integers
    g, bins = geometry, strength.shape[-1]
    samples = torch.arange(0, bins * g.hop_length, g.hop_length, device=strength.device)
    return (samples % g.n_fft * TURN // g.n_fft).to(torch.int32)


class _Numbers(NamedTuple):
    """What differences of logarithms are multiplied by, and the delay, in 2^-32 turns."""

    time: float
    frequency: float
    delay: int


def _slopes(geometry: Geometry, width: float) -> _Numbers:
    g = geometry
    return _Numbers(
        TURN * g.hop_length * g.n_fft / (8 * math.pi * width),
        -TURN * width / (8 * math.pi * g.hop_length * g.n_fft),
        -round(g.window_shape.centroid / g.n_fft * TURN),
    )


def phase_steps(
    strength: Tensor,
    geometry: Geometry,
    width: float,
    last: Tensor | None = None,
    *,
    even_ends: bool = False,
) -> Tensor:
    """Return how far the phase goes from bin to bin, for a block of frames.

    Parameters
    ----------
    strength : Tensor
        Magnitudes (batch, frames, bins), float32. Values below 1e-7 are raised to it.
    geometry : Geometry
        The transform; its number of frames may be another one.
    width : float
        Of the Gaussian nearest to the window, see
        :func:`torch_specinv.transform.windows.gaussian_width`.
    last : Tensor, optional
        The last frame of each item, (batch,). Default: that of the block.
    even_ends : bool, default False
        Whether the magnitude is even about the first and the last frame, which it is where the
        signal is reflected about their centres. Otherwise slopes there are one-sided differences.

    Returns
    -------
    Tensor
        Along time and along frequency, int32 (2, batch, frames, bins), in units of 2^-32 turns:
        at (m, k) the phase of (m + 1, k) and of (m, k + 1) minus that of (m, k). In the last frame
        and the last bin, where there is no next one, the values are of no use.
    """
    g = geometry
    batch, frames, bins = strength.shape
    log = strength.clamp_min(FLOOR).log_()
    steps = strength.new_zeros(2, *strength.shape, dtype=torch.int32)
    along_time, along_frequency = steps

    numbers = _slopes(g, width)
    slope = numbers.time
    if frames > 1:
        both = log[:, 1:] + log[:, :-1]
        along_time[:, :-1, 1:-1] = (both[:, :, 2:] - both[:, :, :-2]).mul_(slope).long()
        if g.n_fft % 2 and bins > 1:
            # the mirror image of the last bin is its own upper neighbour
            along_time[:, :-1, -1] = to_fixed((both[:, :, -1] - both[:, :, -2]) * slope)
        along_time += carrier(g, strength)

    slope = numbers.frequency
    if bins > 1:
        both = log[:, :, 1:] + log[:, :, :-1]
        along_frequency[:, 1:-1, :-1] = (both[:, 2:] - both[:, :-2]).mul_(slope).long()
        # the first and the last frame of each item have one neighbour only
        ends, before = (slice(None), frames - 1), (slice(None), max(frames - 2, 0))
        if last is not None:
            item = torch.arange(batch, device=strength.device)
            ends, before = (item, last), (item, (last - 1).clamp_min(0))
            along_frequency[ends] = 0
        if frames > 1 and not even_ends:
            rise = both[:, 1] - both[:, 0]
            along_frequency[:, 0, :-1] = to_fixed(rise * (2 * slope))
            fall = both[ends] - both[before]
            along_frequency[..., :-1][ends] = to_fixed(fall * (2 * slope))
        along_frequency += _wrap(numbers.delay)
    return steps


def even_at_ends(phase: Tensor, stft: STFT) -> Tensor:
    """Make real, in place, what must be real in a phase (batch, frames, bins).

    A frame about whose centre the padded signal is even is real, but for a known linear phase.
    """
    g = stft.geometry
    if not (g.center and g.pad_mode == "reflect"):
        return phase
    centre = g.window_shape.centroid
    k = torch.arange(phase.shape[-1], device=phase.device, dtype=phase.dtype)
    # where in the first and in the last frame the end of the signal lies
    usual = g.padding, g.length - 1 - (g.frames - 1) * g.hop_length + g.padding
    rate = -2 * math.pi / g.n_fft
    if stft.frame_mask is None:
        places = torch.tensor(usual, dtype=phase.dtype, device="cpu").unsqueeze(1)
        near = ((places - centre).abs() < _NEAR).flatten().tolist()
        chosen = {frame: n for n, frame in enumerate((0, g.frames - 1)) if near[n]}
        if chosen:
            low, high = min(chosen), max(chosen)
            rows = phase[:, low : high + 1 : max(1, high - low)]
            slope = rate * places[list(chosen.values())]
            rows.copy_(_even(rows, slope.to(phase.device, non_blocking=True) * k))
        return phase
    item = torch.arange(len(phase), device=phase.device)
    length, last = stft.lengths_and_last_frames(len(phase))
    ends = length - 1 - last * g.hop_length + g.padding
    first = torch.zeros_like(last)
    for frame, place in ((first, first + g.padding), (last, ends)):
        end, row = place.unsqueeze(1).to(phase.dtype), phase[item, frame]
        near = (end - centre).abs() < _NEAR
        phase[item, frame] = torch.where(near, _even(row, rate * end * k), row)
    return phase


def _even(phase: Tensor, linear: Tensor) -> Tensor:
    """Return the nearest phase that is a linear one, or its opposite."""
    linear = torch.remainder(linear, 2 * math.pi)
    return math.pi * ((phase - linear).cos() < 0).to(phase.dtype) + linear


def to_fixed(units: Tensor) -> Tensor:
    """Round units of phase to int32, modulo a turn."""
    return units.to(torch.int64).to(torch.int32)


def _wrap(units: int) -> int:
    """Bring units of phase to the range of int32, modulo a turn."""
    return (units + TURN // 2) % TURN - TURN // 2
