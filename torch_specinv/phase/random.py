"""Uniformly random phases that depend on the seed and on the absolute position alone.

One number is drawn from the generator; each phase is a hash of it, the frame and the bin. So an
item gets the same phases alone and in any batch, on every device, and a piece of a long
recording gets those of its place in the whole.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..transform.stft import STFT
from .initial import checked, register_phase

_MASK = 0xFFFFFFFF


@checked
@register_phase("random")
def random(magnitude: Tensor, _stft: STFT, generator: torch.Generator | None) -> Tensor:
    """Return phases uniform in [-pi, pi), the same for all items of the batch."""
    bins, frames = magnitude.shape[-2:]
    phase = random_phase(draw_seed(generator), bins, torch.arange(frames, device=magnitude.device))
    return phase.to(magnitude.dtype).expand(magnitude.shape)


def draw_seed(generator: torch.Generator | None) -> int:
    """Draw the one number that all phases follow from."""
    device = generator.device if generator is not None else "cpu"
    return int(torch.randint(2**62, (), generator=generator, device=device))


def random_phase(seed: int, bins: int, frames: Tensor) -> Tensor:
    """Return the phases (bins, len(frames)) of absolute frame numbers."""
    return (2 * math.pi) * uniform(seed, bins, frames) - math.pi


def uniform(seed: int, bins: int, frames: Tensor) -> Tensor:
    """Return numbers in [0, 1) of shape (bins, len(frames)) for absolute frame numbers."""
    bin_ = torch.arange(bins, device=frames.device)
    h = _mix(frames.long() + (seed & _MASK))
    h = _mix((h + (seed >> 32)) & _MASK)
    h = _mix((h[None, :] + _mix(bin_[:, None])) & _MASK)
    # 24 bits, the precision of float32, so that every device and dtype sees the same phase
    return (h >> 8).float() / 2**24


def _mix(x: Tensor) -> Tensor:
    """Scramble 32-bit numbers, held in int64, by two rounds of multiply and xor-shift."""
    x = x & _MASK
    x = ((x ^ (x >> 16)) * 0x21F0AAAD) & _MASK
    x = ((x ^ (x >> 15)) * 0x735A2D97) & _MASK
    return x ^ (x >> 15)
