"""Derivatives of losses and metrics in both modes, and within torch.func, in float64."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from torch_specinv import STFT, losses
from torch_specinv.metrics import METRICS

from .derivative_cases import N_FFT, WINDOW, check_derivatives, close, difference, draw, seeded
from .losses_cases import SPECTRAL_LOSSES, WAVE_LOSSES

# torch.vmap takes the items of torch.stft one by one, and says so
pytestmark = pytest.mark.filterwarnings("ignore:.*batching rule for aten..stft:UserWarning")

SIZES = {"fft_sizes": (16, 32), "hop_lengths": (4, 8), "win_lengths": (16, 24)}
SMOOTH = partial(losses.smooth_mrstft_loss, **SIZES)
#: Losses and metrics, and how many dimensions make an item
LOSSES = (
    {name: (loss, 1) for name, loss in WAVE_LOSSES.items()}
    | {name: (loss, 2) for name, loss in SPECTRAL_LOSSES.items()}
    | {f"metric {name}": (metric, 2) for name, metric in METRICS.items()}
    | {
        "smooth": (SMOOTH, 1),
        "random": (
            lambda x, y: losses.random_resolution_stft_loss(
                x, y, resolutions=2, min_n_fft=8, max_n_fft=32, generator=seeded()
            ),
            1,
        ),
        "sum and difference": (
            lambda x, y: losses.sum_difference_stft_loss(
                torch.stack([x, x.flip(-1)], -2), torch.stack([y, y.cos()], -2),
                **SIZES,
            ),
            1,
        ),
        "phase": (lambda x, y: losses.phase_loss(torch.polar(x, y), torch.polar(y, 2 * x)), 2),
        "any transform": (
            lambda x, y: losses.time_frequency_loss(
                x, y, STFT.of_wave(x, n_fft=16, window=WINDOW),
                [partial(losses.elementwise_loss, metric="L2")], [torch.log1p],
            ),
            1,
        ),
    }
)  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_metrics_agree_with_finite_differences(name):
    loss, dims = LOSSES[name]
    shape = (2, 200) if dims == 1 else (2, 9, 6)
    x, y = draw(*shape, seed=8), draw(*shape, seed=9)
    x, y = (x, y) if dims == 1 else (x.abs() + 0.1, y.abs() + 0.1)
    tangent = draw(*shape, seed=10)

    def with_x(x):
        return loss(x, y)

    def with_y(y):
        return loss(x, y)

    check_derivatives(with_x, x, tangent)
    check_derivatives(with_y, y, tangent)
    close(torch.func.jacfwd(with_x)(x), torch.func.jacrev(with_x)(x), 1e-9)
    mapped = torch.vmap(loss)(x, y)
    close(mapped, torch.stack([loss(a, b) for a, b in zip(x, y, strict=True)]), 1e-12)
    gradient = torch.func.grad(lambda a, b: loss(a, b).sum())
    each = torch.stack([gradient(a, b) for a, b in zip(x, y, strict=True)])
    close(torch.vmap(gradient)(x, y), each, 1e-9)


def test_every_loss_is_tried():
    tried = {getattr(loss, "func", loss) for loss, _ in LOSSES.values()}
    names = {name for name in losses.__all__ if name.endswith("_loss")}
    written = {"random_resolution_stft_loss", "sum_difference_stft_loss", "phase_loss"}
    missing = {name for name in names if getattr(losses, name) not in tried}
    assert missing <= written | {"time_frequency_loss"}


def test_second_derivatives_of_losses_in_both_orders():
    x, y = draw(200, seed=8), draw(200, seed=9)
    tangent = draw(200, seed=10)
    for loss in (losses.logcosh_loss, SMOOTH):
        gradient = torch.func.grad(partial(loss, y=y))
        _, forward = torch.func.jvp(gradient, (x,), (tangent,))
        close(forward, difference(gradient, x, tangent), 1e-4)

        def slope(at, loss=loss):
            return torch.func.jvp(partial(loss, y=y), (at,), (tangent,))[1]

        close(torch.func.grad(slope)(x), forward, 1e-9)


def test_windows_of_losses_are_differentiated():
    x, y = draw(2, 100, seed=8)
    check_derivatives(
        lambda w: losses.stft_loss(x, y, n_fft=N_FFT, hop_length=4, window=w, w_log=0, w_lin=1),
        WINDOW + 0.1, draw(N_FFT, seed=4),
    )  # fmt: skip
