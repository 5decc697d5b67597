"""Bad input of losses: what is refused, and what the message says."""

from __future__ import annotations

import math

import pytest
import torch

from tests.losses_cases import RESOLUTIONS, SMALL
from torch_specinv import SpecInvError, losses
from torch_specinv.checks import check_pair
from torch_specinv.losses import FIRFilter

ONE = torch.ones(400)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: losses.esr_loss(ONE, ONE[None]), r"x has shape \(400,\), y \(1, 400\)"),
        (lambda: losses.stft_loss(ONE, ONE[:399]), r"x has shape \(400,\), y \(399,\)"),
        (lambda: losses.snr_loss(ONE, ONE.double()), "x has dtype torch.float32, y torch.float64"),
        (lambda: losses.dc_loss(ONE, ONE.to("meta")), "x is on cpu, y on meta"),
        (lambda: losses.dc_loss(ONE.int(), ONE.int()), "int32: expected a floating"),
        (lambda: losses.esr_loss(ONE[:0], ONE[:0]), "holds no values"),
        (lambda: losses.esr_loss("x", ONE), "x is a str"),
        (lambda: losses.esr_loss(ONE, ONE, reduction="mena"), "Did you mean 'mean'"),
        (
            lambda: losses.logcosh_loss(ONE, ONE, a=0.0),
            "a=0.0: expected a finite number of more",
        ),
        (lambda: losses.elementwise_loss(ONE, ONE, "L3"), "metric='L3' is unknown"),
        (lambda: losses.stft_loss(ONE, ONE), "400 samples, too few for a window of 1024"),
        (lambda: losses.mrstft_loss(ONE, ONE), "400 samples, too few"),
        (lambda: losses.stft_loss(ONE, ONE, **SMALL, window="han"), "Did you mean 'hann'"),
        (lambda: losses.stft_loss(ONE, ONE, **SMALL, window=ONE), "larger than n_fft=64"),
        (lambda: losses.stft_loss(ONE, ONE, **SMALL, floor=0.0), "the logarithm of silence"),
        (lambda: losses.stft_loss(ONE, ONE, **SMALL, norm="batches"), "Did you mean 'batch'"),
        (lambda: losses.mrstft_loss(ONE, ONE, hop_lengths=(8, 16)), "2 hop_lengths"),
        (lambda: losses.sum_difference_stft_loss(ONE[None], ONE[None]), "expected two channels"),
        (lambda: losses.log_magnitude_loss(ONE[None], ONE[None], offset=0.0), "offset=0.0"),
        (lambda: losses.phase_loss(ONE[None], ONE[None]), "a phase is that of complex spectra"),
        (
            lambda: losses.spectral_optimal_transport_loss(ONE[None], ONE[None], ONE),
            r"positions has shape \(400,\) .*: expected real \(1,\)",
        ),
        (lambda: losses.spectral_optimal_transport_loss(ONE[None], ONE[None], p=0), "p=0"),
        (
            lambda: losses.random_resolution_stft_loss(ONE[:8], ONE[:8]),
            "8 samples, too few for the smallest n_fft, 16",
        ),
        (
            lambda: losses.random_resolution_stft_loss(ONE, ONE, min_hop=0.0),
            "min_hop=0.0: expected a finite number of more than 0",
        ),
        (
            lambda: losses.time_frequency_loss(
                ONE, ONE, torch.sin, [losses.esr_loss], weights=[1, 2]
            ),
            "loss_fn has 1 items, scale_fn 1, weights 2",
        ),
        (lambda: losses.time_frequency_loss(ONE, ONE, 3, losses.esr_loss), "transform_fn=3"),
        (lambda: losses.esr_loss(ONE + 0j, ONE + 0j), "complex64: expected real numbers"),
        (lambda: losses.esr_loss(ONE[None][:0], ONE[None][:0]), "holds no values"),
        (lambda: losses.stft_loss(ONE, ONE, **SMALL, log_eps=-1.0), "log_eps=-1.0"),
        (lambda: losses.stft_loss(ONE, ONE, **SMALL, scale=torch.ones(3, 9)), "with 33 bins"),
        (
            lambda: losses.stft_loss(ONE, ONE, n_fft=512, win_length=420),
            "400 samples, too few for a window of 420",
        ),
        (
            lambda: losses.mrstft_loss(ONE, ONE, **RESOLUTIONS, scale=[ONE]),
            "scale has 1 items, but there are 2",
        ),
        (lambda: losses.elementwise_loss(ONE, ONE, dims=0), "dims=0"),
        (
            lambda: losses.random_resolution_stft_loss(ONE, ONE, min_n_fft=17, max_n_fft=20),
            "leaves nothing to draw from",
        ),
        (
            lambda: losses.random_resolution_stft_loss(ONE, ONE, windows=["hann", "han"]),
            "windows='han' is unknown",
        ),
        (
            lambda: losses.time_frequency_loss(ONE, ONE[None], torch.sin, losses.esr_loss),
            "x has shape",
        ),
        (
            lambda: losses.time_frequency_loss(ONE, ONE, torch.sin, losses.esr_loss, weights=1.0),
            "weights=1.0",
        ),
        (lambda: losses.time_frequency_loss(ONE, ONE, torch.sin, None), "loss_fn=None"),
        (lambda: FIRFilter()(ONE.int()), "expected a floating"),
        (lambda: FIRFilter("a_weigthing"), "Did you mean 'a_weighting'"),
        (lambda: FIRFilter("a_weighting", taps=100), "taps=100: expected an odd number"),
        (lambda: FIRFilter("highpass", taps=101), "fixed number"),
        (
            lambda: losses.spectral_convergence_loss(torch.ones(2, 7, 5), torch.ones(2, 9, 5)),
            r"\(2, 7, 5\), y \(2, 9, 5\), taken as .*frame_dim=-2 for \(\.\.\., frames, bins\)",
        ),
        (
            lambda: losses.spectral_convergence_loss(torch.ones(7, 5), torch.ones(7, 6)),
            r"taken as \(\.\.\., bins, frames\).*frame_dim=-1",
        ),
        (
            lambda: losses.spectral_convergence_loss(
                ONE.view(20, 20), ONE.view(8, 50), frame_dim=-2
            ),
            r"20 and 50 bins in the layout \(\.\.\., frames, bins\) .* frame_dim=-1\?",
        ),
        (
            lambda: losses.spectral_convergence_loss(ONE[None], ONE[None], frame_dim=2),
            "frame_dim=2: expected the dimension that counts the frames",
        ),
        (
            lambda: losses.SpectralConvergenceLoss(frame_dim=-1)(ONE, ONE),
            r"x has shape \(400,\): expected \(\.\.\., bins, frames\)",
        ),
        (
            lambda: losses.spectral_convergence_loss(
                torch.ones(2, 7, 5), torch.ones(3, 7, 6), frame_dim=-1
            ),
            "expected the same shape",
        ),
        (lambda: losses.STFTLoss(hop=3), "Did you mean 'hop_length'"),
        (lambda: losses.STFTLoss(log_dist="l1"), "Did you mean 'L1'"),
        (lambda: losses.MultiResolutionSTFTLoss(window="flat"), "window='flat' is unknown"),
    ],
)
def test_errors(call, message):
    with pytest.raises(SpecInvError, match=message):
        call()


def test_nan_passes_through_or_is_found():
    x = ONE.clone()
    x[3] = math.nan
    assert torch.isnan(losses.stft_loss(x, ONE, **SMALL))
    for name, pair in (("x", (x, ONE)), ("y", (ONE, x))):
        with (
            pytest.warns(UserWarning, match="Anomaly Detection"),
            torch.autograd.detect_anomaly(check_nan=False),
            pytest.raises(SpecInvError, match=f"{name} holds NaN"),
        ):
            losses.stft_loss(*pair, **SMALL)


def test_the_check_of_a_pair_is_for_others_too():
    """With names of their own; dtypes that differ and batches of nothing may be allowed."""
    a, b = torch.ones(2, 3, dtype=torch.float16), torch.ones(2, 3, dtype=torch.float64)
    read = check_pair(a, b, 1, "samples", mixed=True)
    assert [tensor.dtype for tensor in read] == [torch.float64] * 2
    assert check_pair(a[:0], a[:0], 1, "samples", empty=True)[0].shape == (0, 3)
    names = {"names": ("input", "target")}
    with pytest.raises(SpecInvError, match=r"input and target have shape .*holds no values"):
        check_pair(a[:, :0], a[:, :0], 1, "samples", empty=True, **names)
    with pytest.raises(SpecInvError, match=r"target has shape .*: expected .*bins, frames"):
        check_pair(b, b[0], 2, "bins, frames", **names)
