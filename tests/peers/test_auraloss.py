"""The cases of auraloss' own tests; there most ask for a result, here for that of auraloss.

The adapter turns its settings into ours. Norms are over the batch, as there, and where it weighs
signals, its own filter is passed, as ours has another length and direction.
"""

from __future__ import annotations

import auraloss
import pytest
import torch

from torch_specinv import losses
from torch_specinv.losses import mel_scale

PAIR = torch.rand(2, 3, 2, 9000, generator=torch.Generator().manual_seed(0))
SIZES = {"fft_sizes": [512, 1024, 2048], "hop_sizes": [128, 256, 512],
         "win_lengths": [512, 1024, 2048]}  # fmt: skip
DEFAULTS = {
    "fft_sizes": [1024, 2048, 512], "hop_sizes": [120, 240, 50], "win_lengths": [600, 1200, 240],
    "w_sc": 1.0, "w_log_mag": 1.0, "w_lin_mag": 0.0, "log_eps": 0.0, "floor": 1e-4,
}  # fmt: skip
KINDS = {
    "STFTLoss": (losses.STFTLoss, {}),
    "MelSTFTLoss": (losses.STFTLoss, {}),
    "MultiResolutionSTFTLoss": (losses.MultiResolutionSTFTLoss, DEFAULTS),
    "SumAndDifferenceSTFTLoss": (losses.SumDifferenceSTFTLoss, DEFAULTS),
}


def weigh(sr):
    """The filter of auraloss for waves (..., samples)."""
    taps = auraloss.perceptual.FIRFilter(filter_type="aw", fs=sr)

    def filtered(wave):
        flat = wave.reshape(-1, 1, wave.shape[-1])
        return taps(flat, flat)[0].reshape(*wave.shape[:-1], -1)

    return filtered


def adapted(name, **settings):
    """The module of ours with the settings of that class of auraloss."""
    kind, defaults = KINDS[name]
    sr = settings.pop("sample_rate", None)
    bands = settings.pop("n_bins", settings.pop("n_mels", 128 if name == "MelSTFTLoss" else None))
    if settings.pop("scale", "mel" if bands else None) == "mel":
        several = settings.get("fft_sizes", defaults.get("fft_sizes"))
        sizes = several or [settings.get("fft_size", 1024)]
        banks = [mel_scale(sr, n_fft, bands) for n_fft in sizes]
        settings["scale"] = banks if several else banks[0]
    if settings.pop("perceptual_weighting", False):
        settings["weighting"] = weigh(sr)
    return kind(**{**defaults, **settings, "norm": "batch"})


CASES = [
    ("STFTLoss", {}),
    ("STFTLoss", {"w_log_mag": 1.0, "w_lin_mag": 0.0, "w_sc": 1.0, "reduction": "mean"}),
    ("STFTLoss", {"w_log_mag": 1.0, "w_lin_mag": 1.0, "w_sc": 0.0}),
    ("STFTLoss", {"fft_size": 512, "hop_size": 100, "win_length": 400, "mag_distance": "L2"}),
    ("MultiResolutionSTFTLoss", {}),
    ("MultiResolutionSTFTLoss", {"scale": "mel", "n_bins": 64, "sample_rate": 44100}),
    (
        "MultiResolutionSTFTLoss",
        {**SIZES, "scale": "mel", "n_bins": 32, "sample_rate": 44100, "perceptual_weighting": True},
    ),
    ("SumAndDifferenceSTFTLoss", SIZES),
    ("SumAndDifferenceSTFTLoss", {**SIZES, "perceptual_weighting": True, "sample_rate": 44100}),
    (
        "SumAndDifferenceSTFTLoss",
        {**SIZES, "perceptual_weighting": True, "sample_rate": 44100, "scale": "mel", "n_bins": 64},
    ),
    ("MelSTFTLoss", {"sample_rate": 44100}),
]


@pytest.mark.filterwarnings("ignore:Empty filters detected")
@pytest.mark.parametrize(("name", "settings"), CASES, ids=str)
def test_the_number_is_that_of_auraloss(name, settings):
    x, y = PAIR
    expected = getattr(auraloss.freq, name)(**settings)(x, y)
    assert torch.allclose(adapted(name, **settings)(x, y), expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "settings"),
    [("STFTLoss", {"w_lin_mag": 1.0, "w_sc": 0.0}), ("MelSTFTLoss", {"sample_rate": 44100})],
)
def test_without_a_reduction_there_is_a_value_for_each_item(name, settings):
    """By design: there it is one for each bin and frame, whose mean is ours."""
    x, y = PAIR
    found = adapted(name, reduction="none", **settings)(x, y)
    assert found.shape == (3, 2)
    if name == "STFTLoss":
        theirs = auraloss.freq.STFTLoss(reduction="none", **settings)(x, y)
        expected = theirs.reshape(3, 2, -1).mean(-1)
        assert torch.allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("name", ["STFTLoss", "MultiResolutionSTFTLoss"])
def test_the_energy_of_a_sinusoid_in_one_bin(name):
    """A cosine of a quarter of the rate has (N / 2)^2 in one of N / 2 + 1 bins, else nothing."""
    size = 32
    target = torch.cos(torch.pi / 2 * torch.arange(size))[None, None]
    numbers = {"fft_size": size, "hop_size": size + 1, "win_length": size}
    if name == "MultiResolutionSTFTLoss":
        numbers = {f"{key}s": [value] for key, value in numbers.items()}
    loss = adapted(
        name, **numbers, window="ones", w_sc=0.0, w_log_mag=0.0, w_lin_mag=1.0, w_phs=0.0,
        mag_distance="L2",
    )  # fmt: skip
    expected = torch.tensor((size // 2) ** 2 / (size // 2 + 1))
    assert torch.allclose(loss(torch.zeros_like(target), target), expected, rtol=1e-3)
