"""The exact gradient of RTISI-LA leaves out rounding only, not bins that are merely quiet."""

from __future__ import annotations

import torch

from tests.conftest import hann
from torch_specinv import invert


def gradient(spec):
    spec = spec.clone().requires_grad_()
    wave = invert(
        spec, "rtisi_la", look_ahead=0, exact_gradient=True, max_iter=2,
        window=hann(64, spec.dtype), verbose=False,
    ).wave  # fmt: skip
    (wave * torch.linspace(-1, 1, len(wave), dtype=spec.dtype)).sum().backward()
    return spec.grad.double()


def test_the_first_phase_of_quiet_bins_has_a_gradient():
    """The magnitudes span 120 dB, near the precision of single numbers, not of double ones."""
    draw = torch.Generator().manual_seed(1)
    spec = 10 ** (-6 * torch.rand(33, 6, generator=draw))
    single, double = gradient(spec), gradient(spec.double())
    assert (single - double).norm() < 1e-2 * double.norm()
