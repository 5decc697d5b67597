"""Functions of numbers that are rounded alike wherever the numbers lie in memory.

torch computes most of a tensor with vector instructions and its last elements, or all of one that
is not contiguous, with others. `torch.angle`, `torch.sgn`, `torch.atan2`, products of complex
numbers, powers and, in float64, complex `abs` and `torch.hypot` are rounded differently by the
two. Then an item of a batch would differ in the last digit from the same item alone, and many
iterations would make another waveform of it. The functions here are made of operations on real
numbers that are rounded one way only.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..derivatives import is_differentiated


def magnitude_of(spectrum: Tensor) -> Tensor:
    """Return the absolute value of complex numbers; no square overflows or vanishes.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.transform.rounded_alike import magnitude_of
    >>> magnitude_of(torch.tensor([3 - 4j, 0j, 1e-30j]))
    tensor([5.0000e+00, 0.0000e+00, 1.0000e-30])
    """
    scale, real, imag = _scaled(spectrum)
    squares = real.square() + imag.square()
    zero = squares == 0
    return torch.where(zero, 0, scale * torch.where(zero, 1, squares).sqrt())


def direction_of(spectrum: Tensor) -> Tensor:
    """Return complex numbers divided by their absolute value, and 0 where that is 0.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.transform.rounded_alike import direction_of
    >>> direction_of(torch.tensor([3 - 4j, 0j, 1e-30j]))
    tensor([0.6000-0.8000j, 0.0000+0.0000j, 0.0000+1.0000j])
    """
    _, real, imag = _scaled(spectrum)
    squares = real.square() + imag.square()
    inverse = torch.where(squares == 0, 1, squares).rsqrt()
    return torch.complex(real * inverse, imag * inverse)


def phase_of(spectrum: Tensor) -> Tensor:
    """Return the phase of complex numbers in radians, from -pi to pi, and 0 where they are 0.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.transform.rounded_alike import phase_of
    >>> phase_of(torch.tensor([1 + 1j, -1 + 0j, 0j, -2j]))
    tensor([ 0.7854,  3.1416,  0.0000, -1.5708])
    """
    real, imag = spectrum.real, spectrum.imag
    flat = real.abs() >= imag.abs()
    zero = (real == 0) & (imag == 0)
    slope = torch.where(flat, imag, -real) / torch.where(
        zero, 1, torch.where(flat, real, imag)
    )  # of the line through 0, at most 1
    half = torch.copysign(torch.full_like(slope, math.pi), imag)
    turned = torch.where(flat, torch.where(real < 0, half, 0), half / 2)
    return slope.atan() + turned


def from_polar(magnitude: Tensor, phase: Tensor) -> Tensor:
    """Return :func:`torch.polar`, with its derivative also where the magnitude is 0.

    There torch's own is 0, as it divides by the magnitude.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.transform.rounded_alike import from_polar
    >>> magnitude = torch.zeros(2, requires_grad=True)
    >>> from_polar(magnitude, torch.tensor([0.0, torch.pi])).real.sum().backward()
    >>> magnitude.grad
    tensor([ 1., -1.])
    """
    if not is_differentiated(magnitude):
        return torch.polar(magnitude, phase)
    return torch.complex(magnitude * phase.cos(), magnitude * phase.sin())


def positive_power(x: Tensor, exponent: float) -> Tensor:
    """Return powers of positive numbers.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.transform.rounded_alike import positive_power
    >>> positive_power(torch.tensor([1.0, 4.0, 9.0]), 1.5)
    tensor([ 1.0000,  8.0000, 27.0000])
    """
    if exponent == 0.5:
        return x.sqrt()
    return x if exponent == 1 else (x.log() * exponent).exp()


def _scaled(spectrum: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the larger part of each number, or 1 for 0, and both parts divided by it."""
    real, imag = spectrum.real, spectrum.imag
    larger = torch.maximum(real.detach().abs(), imag.detach().abs())
    scale = torch.where(larger > 0, larger, 1)
    return scale, real / scale, imag / scale
