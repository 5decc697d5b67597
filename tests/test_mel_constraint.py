"""Bands as a constraint: the nearest spectrum that has them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.mel_cases import bank
from torch_specinv.constraints import banded, inverted_bank
from torch_specinv.constraints.bands import Bands


def bands_of(power, seed=0, n_mels=12):
    generator = torch.Generator().manual_seed(seed)
    spectrum = torch.randn(2, 65, 7, dtype=torch.complex128, generator=generator)
    matrix = torch.from_numpy(bank(8000, 128, n_mels))
    target = matrix @ spectrum.abs() ** power
    return Bands.of(target, matrix, power), spectrum, generator


@pytest.mark.parametrize("power", [1.0, 1.5, 2.0])
def test_what_has_the_bands_stays(power):
    constraint, spectrum, _ = bands_of(power)
    assert torch.allclose(constraint.project(spectrum), spectrum)
    assert torch.allclose(constraint.observe(spectrum), constraint.target)


def test_the_projection_is_the_nearest_point():
    """Against least squares with the bands as equations, where no magnitude becomes negative."""
    constraint, spectrum, generator = bands_of(1.0)
    near = spectrum * (1 + 0.01 * torch.rand(spectrum.shape, generator=generator))
    found = constraint.project(near)
    assert torch.allclose(found.angle(), near.angle())
    matrix = constraint.bank.numpy()
    for i, m in np.ndindex(2, 7):
        start = near[i, :, m].abs().numpy()
        gap = constraint.target[i, :, m].numpy() - matrix @ start
        nearest = start + np.linalg.lstsq(matrix, gap, rcond=None)[0]
        assert (nearest > 0).all()
        assert np.allclose(found[i, :, m].abs(), nearest)


def test_a_magnitude_that_would_be_negative_is_0():
    constraint, spectrum, _ = bands_of(1.0)
    spectrum = spectrum.clone()
    spectrum[:, 20] *= 50  # its neighbours would have to make up for it
    magnitude = spectrum.abs()
    gap = constraint.target - constraint.bank @ magnitude
    wanted = magnitude + torch.linalg.pinv(constraint.bank) @ gap
    assert (wanted < 0).any()
    found = constraint.project(spectrum)
    assert torch.allclose(found.abs(), wanted.clamp_min(0), atol=1e-9)


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_projections_come_nearer(power):
    constraint, spectrum, generator = bands_of(power)
    far = spectrum * 3 * torch.rand(spectrum.shape, generator=generator, dtype=torch.float64)
    gaps = [(constraint.observe(far) - constraint.target).square().sum()]
    for _ in range(3):
        far = constraint.project(far)
        gaps.append((constraint.observe(far) - constraint.target).square().sum())
        assert gaps[-1] < gaps[-2]
    assert gaps[-1] < 1e-2 * gaps[0]


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_the_first_guess_has_the_bands_and_is_not_negative(power):
    constraint, _, _ = bands_of(power)
    guess = constraint.magnitude()
    assert (guess >= 0).all()
    gap = constraint.bank @ guess**power - constraint.target
    assert gap.norm() < 0.1 * constraint.target.norm()


@pytest.mark.parametrize("power", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("settings", [{}, {"htk": True, "fmin": 300.0, "fmax": 3000.0}])
def test_products_with_a_large_bank_are_those_of_its_parts(power, settings, monkeypatch):
    generator = torch.Generator().manual_seed(1)
    spectrum = torch.randn(2, 257, 5, dtype=torch.complex128, generator=generator)
    matrix = torch.from_numpy(bank(8000, 512, 30, **settings))
    target = matrix @ spectrum.abs() ** power * 1.5
    whole = Bands.of(target, matrix, power)
    monkeypatch.setattr(banded, "_LARGE", 1)
    monkeypatch.setattr(banded, "_BANDS", 7)
    monkeypatch.setattr(inverted_bank, "_KEPT", [])
    parts = Bands.of(target, matrix, power)
    assert not whole.parts.bank
    assert len(parts.parts.bank) > 3
    factors = 1 + torch.rand(target.shape, generator=generator, dtype=torch.float64)
    for f in (
        lambda c: c.project(spectrum),
        lambda c: c.observe(spectrum),
        lambda c: c.magnitude(),
        lambda c: c.spread(factors),
    ):
        assert torch.allclose(f(parts), f(whole), rtol=1e-9, atol=1e-9)
    dense = torch.rand(12, 257, dtype=torch.float64, generator=generator)
    assert not Bands.of(target[:, :12], dense, power).parts.bank
    leaf = matrix.clone().requires_grad_()
    assert not Bands.of(target, leaf, power).parts.bank
