"""Settings of losses as other packages name and give them."""

from __future__ import annotations

from functools import partial

import auraloss
import pytest
import torch

from tests.losses_cases import SMALL, waves
from torch_specinv import SpecInvError, losses
from torch_specinv.losses import FIRFilter, mel_scale
from torch_specinv.losses.spellings import ALIASES, CURES

X, Y = waves(2, 2, 600)
HERE = {"hop_lengths": (16, 32), "win_lengths": (64, 100), "fft_sizes": (64, 128)}


@pytest.mark.parametrize(
    ("loss", "here", "there"),
    [
        (losses.mrstft_loss, HERE, {**HERE, "hop_lengths": (), "hop_sizes": [16, 32]}),
        (
            losses.stft_loss,
            {**SMALL, "w_log": 0.3, "w_lin": 0.2, "w_phase": 0.1},
            {"fft_size": 64, "hop_size": 16, "w_log_mag": 0.3, "w_lin_mag": 0.2, "w_phs": 0.1},
        ),
        (
            losses.stft_loss,
            {**SMALL, "w_lin": 1.0, "lin_dist": "L2", "log_dist": "L2", "scale_invariant": True},
            {**SMALL, "w_lin": 1.0, "mag_distance": "L2", "scale_invariance": True},
        ),
        (losses.stft_loss, {**SMALL, "window": "blackman"}, {**SMALL, "window": "blackman_window"}),
        (losses.stft_loss, {**SMALL, "window": ("kaiser", 9.0)}, {**SMALL, "window": 9.0}),
        # one resolution, not in lists
        (
            losses.mrstft_loss,
            {"hop_lengths": [16], "win_lengths": [60], "fft_sizes": [64]},
            {"hop_lengths": 16, "win_lengths": 60, "fft_sizes": 64},
        ),
        (
            losses.mrstft_loss,
            {"hop_lengths": [16], "win_lengths": [60], "window": [torch.hann_window(60)]},
            {"hop_lengths": 16, "win_lengths": 60, "window": torch.hann_window(60)},
        ),
        (
            losses.multi_resolution_transport_loss,
            {"fft_sizes": [64], "hop_lengths": [16]},
            {"fft_sizes": 64, "hop_sizes": 16},
        ),
        # window lengths alone are those of the FFT
        (
            losses.sum_difference_stft_loss,
            {"hop_lengths": [16, 32], "win_lengths": [64, 500], "fft_sizes": [64, 500]},
            {"hop_lengths": [16, 32], "win_lengths": [64, 500]},
        ),
        (
            losses.multi_resolution_transport_loss,
            {"hop_lengths": [16, 32], "win_lengths": [64, 500], "fft_sizes": [64, 500]},
            {"hop_lengths": [16, 32], "win_lengths": [64, 500]},
        ),
        (
            losses.random_resolution_stft_loss,
            {"min_n_fft": 64, "max_n_fft": 64, "min_hop": 0.5, "max_hop": 0.5, "windows": ["hann"]},
            {"min_fft_size": 64, "max_fft_size": 64, "min_hop_size": 0.5, "max_hop_size": 0.5,
             "windows": "hann"},
        ),
    ],
)  # fmt: skip
def test_what_is_taken(loss, here, there):
    if there.get("hop_lengths") == ():
        there = {name: value for name, value in there.items() if name != "hop_lengths"}
    kind = next(kind for kind in vars(losses).values() if getattr(kind, "function", None) is loss)
    draw = partial(torch.manual_seed, 0)
    draw()
    expected = loss(X, Y, **here)
    draw()
    assert torch.equal(loss(X, Y, **there), expected)
    draw()
    assert torch.allclose(kind(**there)(X, Y), expected)


def test_the_filters_of_auraloss():
    x = X[0, 0]
    for theirs, ours in (("hp", "highpass"), ("fd", "folded_differentiator")):
        there = FIRFilter(filter_type=theirs, coef=0.7)
        assert torch.equal(there(x), FIRFilter(ours, coefficient=0.7)(x))
    there, here = FIRFilter("aw", fs=16000, ntaps=101), FIRFilter("a_weighting", sr=16000, taps=101)
    assert torch.equal(there(x), here(x))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: losses.mrstft_loss(X, Y, (16, 32), (64, 128)), "too many positional.*hop_l"),
        (
            lambda: losses.MultiResolutionSTFTLoss([64], [16], [64]),
            r"MultiResolutionSTFTLoss has too many positional.*by name.*hop_lengths=\.\.\.",
        ),
        (lambda: losses.esr_loss(X, Y, 1e-8), "esr_loss has too many positional"),
        (lambda: losses.esr_loss(X, Y, n_fft=3), "unknown keyword 'n_fft'"),
        (lambda: losses.logcosh_loss(X, Y, reductoin="sum"), "Did you mean 'reduction'"),
        (lambda: losses.stft_loss(X, Y, **SMALL, scale="mel"), r"scale='mel'.*mel_scale\(sr, "),
        (lambda: losses.STFTLoss(scale="chroma"), "scale='chroma'.*chroma_scale"),
        (lambda: losses.MultiResolutionSTFTLoss(scale="mel"), "scale='mel'.*a list of them"),
        (lambda: losses.mrstft_loss(X, Y, scale="mel"), "scale='mel'.*a list of them"),
        (lambda: losses.STFTLoss(sample_rate=16000, n_bins=64), "'sample_rate'.*mel_scale"),
        (
            lambda: losses.MultiResolutionSTFTLoss(perceptual_weighting=True),
            r"'perceptual_weighting'.*FIRFilter\('a_weighting'",
        ),
        (lambda: losses.STFTLoss(output="full"), "'output'.*weights of the others"),
        (lambda: losses.STFTLoss(eps=1e-8), r"'eps'.*floor=eps\*\*0\.5"),
        (lambda: losses.STFTLoss(n_fft=512, fft_size=512), "n_fft is given twice, once as fft_"),
        (lambda: losses.STFTLoss(fft_size=512, n_fft=512), "n_fft is given twice, once as fft_"),
        (lambda: losses.stft_loss(X, Y, **SMALL, w_log_mag=-1.0), "w_log=-1.0: expected"),
        (lambda: losses.STFTLoss(mag_distance="L3"), "log_dist='L3'"),
        (lambda: losses.mrstft_loss(X, Y, hop_sizes=0), r"hop_lengths=\[0\]: expected"),
        (lambda: losses.STFTLoss(win_length=2048), "win_length=2048.* n_fft=1024: pass an n_fft"),
        (
            lambda: losses.mrstft_loss(X, Y, hop_sizes=[16]),
            "6 fft_sizes, 1 hop_lengths, 6 win_lengths.*not given have their defaults",
        ),
        (lambda: losses.ESRLoss(filter_type="hp"), "unknown keyword 'filter_type'"),
        (lambda: FIRFilter("highpass", 0.85), "FIRFilter has too many positional"),
        (lambda: FIRFilter(coeff=0.85), "Did you mean 'coefficient'"),
    ],
)  # fmt: skip
def test_what_is_refused_with_its_cure(call, message):
    with pytest.raises(SpecInvError, match=message):
        call()


def test_the_cures_are_right():
    """What the messages recommend gives what auraloss gives for the refused setting."""
    x, y = (s.float() for s in waves(1, 2, 4000))
    ours = losses.stft_loss(x, y, norm="batch", scale=mel_scale(16000, 1024, 64))
    theirs = auraloss.freq.STFTLoss(scale="mel", sample_rate=16000, n_bins=64)(x, y)
    assert torch.allclose(ours, theirs, rtol=1e-5)
    ours = losses.stft_loss(x, y, norm="batch", floor=0.01**0.5)
    assert torch.allclose(ours, auraloss.freq.STFTLoss(eps=0.01)(x, y), rtol=1e-5)
    ours = losses.stft_loss(x, y, norm="batch", w_log=0)
    theirs = auraloss.freq.STFTLoss(output="full")(x, y)[1]
    assert torch.allclose(ours, theirs, rtol=1e-5)


def test_no_name_of_a_setting_here_means_something_else_there():
    known = set()
    for kind in vars(losses).values():
        known |= set(getattr(getattr(kind, "signature", None), "parameters", ()))
    assert {"hop_length", "w_log", "kind"} - known == {"kind"}
    assert not known & ALIASES.keys()
    assert not ALIASES.keys() & CURES.keys()
