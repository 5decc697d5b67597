"""The gradient of the projections, against what it is on paper."""

from __future__ import annotations

import cmath

import pytest
import torch

from torch_specinv.constraints.bands import Bands
from torch_specinv.constraints.bounded import Limited
from torch_specinv.constraints.magnitude import Magnitude


def gradient_through(project, spectrum, weight):
    """Return the gradient of Re(conj(weight) P(c)) with respect to c."""
    spectrum = spectrum.clone().requires_grad_()
    (gradient,) = torch.autograd.grad((weight.conj() * project(spectrum)).real.sum(), spectrum)
    return gradient


def each_bin_known(target):
    """Bands that are single bins: the same constraint as the magnitudes."""
    return Bands.of(target, torch.eye(target.shape[1], dtype=target.dtype))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("constraint", [Magnitude, each_bin_known])
def test_the_gradient_turns_the_phase_and_stops_at_rounding(dtype, constraint):
    """P(c) = t c / |c|, so a change across the phase of c counts t / |c| times, one along it not.

    That holds down to the rounding of a spectrum whose largest values are about 1.
    """
    eps = torch.finfo(dtype).eps
    sizes = [2.0, 1.0, 0.1, 1e5 * eps, 1e3 * eps, 30 * eps, 2 * eps, 0.1 * eps]
    u = cmath.exp(0.7j)
    target = torch.full((1, len(sizes), 1), 0.5, dtype=dtype)
    spectrum = torch.tensor([size * u for size in sizes], dtype=torch.complex128)
    spectrum = spectrum.to(dtype.to_complex())[None, :, None]
    weight = torch.full_like(spectrum, 0.3 - 0.8j)
    across = ((0.3 - 0.8j) * u.conjugate()).imag
    gradient = gradient_through(constraint(target).project, spectrum, weight)[0, :, 0]
    for size, told in zip(sizes, gradient, strict=True):
        expected = 0.5 / size * across * 1j * u if size > eps else 0.0
        assert abs(complex(told) - expected) <= 1e-3 * abs(expected) + 1e-6 * (size > eps)


@pytest.mark.parametrize("constraint", [Magnitude, each_bin_known])
def test_a_bounded_gradient_is_exact_where_it_does_not_grow(constraint):
    sizes = torch.tensor([2.0, 1.0, 0.6, 0.4, 0.01, 1e-9, 0.0], dtype=torch.float64)
    spectrum = torch.polar(sizes, torch.arange(7, dtype=torch.float64))[None, :, None]
    target = torch.full((1, 7, 1), 0.5, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(1, 7, 1, dtype=torch.complex128)
    known = constraint(target)
    assert torch.equal(Limited(known).project(spectrum), known.project(spectrum))
    bounded = gradient_through(lambda c: Limited(known).project(c), spectrum, weight)
    exact = gradient_through(known.project, spectrum, weight)
    assert torch.allclose(bounded[:, :3], exact[:, :3], atol=1e-12)
    limit = (sizes / 0.5).clamp_max(1)[None, :, None]
    assert torch.allclose(bounded, limit * exact, atol=1e-12)
    assert (bounded.abs() <= weight.abs() * (1 + 1e-9)).all()
    # with respect to the magnitudes nothing is changed
    u = spectrum / torch.where(spectrum == 0, 1, spectrum.abs())
    value = (weight.conj() * Limited(known).project(spectrum.clone().requires_grad_())).real.sum()
    (gradient,) = torch.autograd.grad(value, target)
    assert torch.allclose(gradient, (weight.conj() * u).real, atol=1e-12)
