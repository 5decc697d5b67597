"""The losses beside those of auraloss and of sot-loss."""

from __future__ import annotations

import sys
import types

import auraloss
import pytest
import torch

from tests.losses_cases import waves
from torch_specinv import losses
from torch_specinv.losses import PARALLEL_WAVEGAN, FIRFilter, mel_scale
from torch_specinv.transform.named_windows import named_window


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (losses.esr_loss, "ESRLoss"),
        (losses.dc_loss, "DCLoss"),
        (losses.logcosh_loss, "LogCoshLoss"),
        (losses.snr_loss, "SNRLoss"),
        (losses.si_sdr_loss, "SISDRLoss"),
        (losses.sd_sdr_loss, "SDSDRLoss"),
    ],
)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_auraloss_in_time(ours, theirs, reduction):
    x, y = waves(3, 2, 1000)
    y = x + 0.3 * y
    expected = getattr(auraloss.time, theirs)(reduction=reduction)(x, y)
    assert torch.allclose(ours(x, y, reduction=reduction), expected, rtol=1e-5)


AURALOSS_SETTINGS = [
    ({}, {}),
    ({"w_lin": 0.5}, {"w_lin_mag": 0.5}),
    ({"lin_dist": "L2", "log_dist": "L2", "w_lin": 1.0}, {"mag_distance": "L2", "w_lin_mag": 1.0}),
    ({"window": "blackman"}, {"window": "blackman_window"}),
    (
        {"scale": mel_scale(16000, 1024, 64)},
        {"scale": "mel", "sample_rate": 16000, "n_bins": 64},
    ),
]


@pytest.mark.parametrize(("ours", "theirs"), AURALOSS_SETTINGS)
def test_auraloss_stft(ours, theirs):
    """Its norms are over the batch. (Its chroma scale can't be made: torch refuses the array.)"""
    x, y = waves(3, 2, 4000, dtype=torch.float32)
    y = x + 0.3 * y
    module = auraloss.freq.STFTLoss(**theirs)
    expected = module(x, y)
    assert torch.allclose(losses.stft_loss(x, y, norm="batch", **ours), expected, rtol=1e-5)
    # of a single item, a norm over the batch is that of the item
    one = auraloss.freq.STFTLoss(**theirs)(x[:1, :1], y[:1, :1])
    assert torch.allclose(losses.stft_loss(x[0, 0], y[0, 0], **ours), one, rtol=1e-5)


def test_auraloss_at_several_resolutions():
    x, y = waves(3, 2, 6000, dtype=torch.float32)
    y = x + 0.3 * y
    expected = auraloss.freq.MultiResolutionSTFTLoss()(x, y)
    ours = losses.mrstft_loss(x, y, **PARALLEL_WAVEGAN, norm="batch")
    assert torch.allclose(ours, expected, rtol=1e-5)
    shape = ([1024, 2048, 512], [120, 240, 50], [600, 1200, 240])
    stereo = auraloss.freq.SumAndDifferenceSTFTLoss(*shape)(x, y)
    ours = losses.sum_difference_stft_loss(x, y, **PARALLEL_WAVEGAN, norm="batch")
    assert torch.allclose(ours, stereo, rtol=1e-5)


def test_where_auraloss_is_not_followed():
    """Its SI-SDR depends on the level; its filter makes signals longer by 98 samples."""
    x, y = waves(1, 1000)
    theirs = auraloss.time.SISDRLoss()
    assert (theirs(1e-6 * x, 1e-6 * y) - theirs(x, y)).abs() > 0.1
    assert losses.si_sdr_loss(1e-6 * x, 1e-6 * y) == pytest.approx(float(theirs(x, y)), rel=1e-5)
    longer = auraloss.perceptual.FIRFilter("hp")(x[None].float(), y[None].float())[0]
    assert longer.shape[-1] == 1098
    assert FIRFilter("highpass")(x).shape[-1] == 1000


@pytest.fixture
def sot(monkeypatch):
    """The package sot-loss, without torchaudio, which only its mel spectrogram needs."""
    if "torchaudio" not in sys.modules:
        monkeypatch.setitem(sys.modules, "torchaudio", types.ModuleType("torchaudio"))
    return pytest.importorskip("sot.losses")


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("lowpass", [True, False])
def test_sot_loss(p, normalize, balanced, lowpass, sot):
    x, y = waves(2, 3000, dtype=torch.float32)
    module = sot.Wasserstein1DLoss(
        p=p, normalize=normalize, balanced=balanced, quantile_lowpass=lowpass, reduce=False
    )
    # in float32 it leaves out what rounding has put above 1
    expected = module.double()(x.double(), y.double()).reshape(2, -1).mean(1).float()
    window = named_window("flattop", 1024)
    a, b = (torch.stft(s, 1024, 256, window=window, return_complex=True).abs() for s in (x, y))
    ours = losses.spectral_optimal_transport_loss(
        a, b, torch.linspace(0, 1, 513), p, normalize, balanced, lowpass, reduction="none"
    )
    assert torch.allclose(ours, expected, rtol=1e-5)


def test_sot_loss_at_several_resolutions(sot):
    x, y = waves(2, 5000, dtype=torch.float32)
    ours = losses.multi_resolution_transport_loss(x, y)
    assert torch.allclose(3 * ours, sot.MultiResolutionSOTLoss()(x, y), rtol=1e-5)
