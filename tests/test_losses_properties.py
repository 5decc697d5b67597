"""What every loss has: items that are alone, finite gradients, lifted half precision, one graph."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from tests.losses_cases import (
    DOUBLE,
    RESOLUTIONS,
    SMALL,
    SPECTRAL_LOSSES,
    WAVE_LOSSES,
    magnitudes,
    waves,
)
from torch_specinv import L_BFGS, losses


@pytest.mark.parametrize("name", [*WAVE_LOSSES, *SPECTRAL_LOSSES])
def test_a_batch_is_its_items(name):
    loss = WAVE_LOSSES.get(name) or SPECTRAL_LOSSES[name]
    x, y = waves(2, 3, 400) if name in WAVE_LOSSES else magnitudes(2, 3, 9, 7)
    y = y * torch.tensor([1e-2, 1.0, 1e2], dtype=DOUBLE).view(3, *[1] * (x.ndim - 2))
    each = loss(x, y, reduction="none")
    assert each.shape == (2, 3)
    rows = [[loss(x[i, j], y[i, j]) for j in range(3)] for i in range(2)]
    alone = torch.stack([torch.stack(row) for row in rows])
    assert torch.allclose(each, alone, rtol=1e-9)
    assert torch.allclose(loss(x, y), alone.mean())
    assert torch.allclose(loss(x, y, reduction="sum"), alone.sum())


@pytest.mark.parametrize("name", [*WAVE_LOSSES, *SPECTRAL_LOSSES])
def test_gradcheck(name):
    loss = WAVE_LOSSES.get(name) or SPECTRAL_LOSSES[name]
    x, y = waves(2, 140, seed=3) if name in WAVE_LOSSES else magnitudes(2, 5, 3, seed=3)
    x.requires_grad_()
    y.requires_grad_()
    assert torch.autograd.gradcheck(loss, (x, y))


@pytest.mark.parametrize("name", ["stft, all terms", "mrstft, powers"])
def test_gradients_of_gradients(name):
    x, y = waves(2, 140, seed=3)
    same = x.clone().requires_grad_()
    first = torch.autograd.grad(WAVE_LOSSES[name](same, x), same, create_graph=True)[0]
    assert torch.isfinite(torch.autograd.grad(first.sum(), same)[0]).all()
    assert torch.autograd.gradgradcheck(WAVE_LOSSES[name], (x.requires_grad_(), y))


@pytest.mark.parametrize("name", [*WAVE_LOSSES, *SPECTRAL_LOSSES])
@pytest.mark.parametrize("case", ["silence", "silent target", "silent estimate", "identical"])
@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
def test_finite_where_others_are_not(name, case, dtype):
    loss = WAVE_LOSSES.get(name) or SPECTRAL_LOSSES[name]
    x, y = waves(2, 400) if name in WAVE_LOSSES else magnitudes(2, 9, 7)
    if case in ("silence", "silent estimate"):
        x = torch.zeros_like(x)
    if case in ("silence", "silent target"):
        y = torch.zeros_like(y)
    if case == "identical":
        y = x.clone()
    x, y = x.to(dtype).requires_grad_(), y.to(dtype).requires_grad_()
    value = loss(x, y)
    gradients = torch.autograd.grad(value, (x, y), allow_unused=True)
    assert torch.isfinite(value)
    assert all(torch.isfinite(gradient).all() for gradient in gradients if gradient is not None)
    if case == "identical" and "sdr" not in name and "snr" not in name:
        assert value < 1e-6


@pytest.mark.parametrize("power", [0.3, 0.5, 1.5])
def test_powers_at_silence(power):
    for loss in (
        partial(losses.mrstft_loss, **RESOLUTIONS, power=power),
        partial(losses.stft_loss, **SMALL, power=power, floor=1e-23),
        partial(
            losses.multi_resolution_transport_loss, fft_sizes=(64,), hop_lengths=(16,), power=power
        ),
    ):
        x = torch.zeros(400, requires_grad=True)
        gradient = torch.autograd.grad(loss(x, waves(400, dtype=torch.float32)[0]), x)[0]
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("name", WAVE_LOSSES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_lifted(name, dtype):
    x, y = waves(2, 400).to(dtype)
    value = WAVE_LOSSES[name](x, y)
    assert value.dtype == torch.float32
    assert torch.allclose(value, WAVE_LOSSES[name](x.float(), y.float()))


def test_autocast_does_not_round():
    x, y = waves(2, 400, dtype=torch.float32)
    for loss in (WAVE_LOSSES["esr, filtered"], WAVE_LOSSES["stft, mel"]):
        with torch.autocast("cpu", torch.bfloat16):
            value = loss(x, y)
        assert value.dtype == torch.float32
        assert torch.equal(value, loss(x, y))


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@pytest.mark.parametrize("name", WAVE_LOSSES)
def test_compiles_in_one_piece(name):
    torch._dynamo.reset()
    x, y = waves(2, 400, dtype=torch.float32)
    compiled = torch.compile(WAVE_LOSSES[name], fullgraph=True, backend="aot_eager")
    x.requires_grad_()
    value = compiled(x, y)
    gradient = torch.autograd.grad(value, x)[0]
    expected = WAVE_LOSSES[name](x, y)
    assert torch.allclose(value, expected, rtol=1e-5)
    assert torch.allclose(gradient, torch.autograd.grad(expected, x)[0], atol=1e-6)


def test_as_an_objective():
    """L-BFGS on a multi-resolution loss of waveforms, each item by itself."""

    target = waves(2, 600)[0]
    loss = partial(losses.mrstft_loss, **RESOLUTIONS, reduction="none")
    start = target + 0.1 * waves(2, 600, seed=1)[0]
    found = L_BFGS(
        target, lambda wave: wave, init_x0=start, loss_fn=loss, outer_max_iter=30,
        verbose=False,
    )  # fmt: skip
    assert (loss(found, target) < 0.5 * loss(start, target)).all()
