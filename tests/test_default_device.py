"""Under torch.set_default_device everything stays on the device of its input.

The default device of these tests is "meta", whose tensors hold no values: what strays there is
lost, so that a call fails or its result differs.
"""

from __future__ import annotations

from functools import partial

import pytest
import torch

from tests.conftest import hann
from tests.losses_cases import SPECTRAL_LOSSES, WAVE_LOSSES, magnitudes, waves
from torch_specinv import L_BFGS, griffin_lim, invert, losses, mel_to_audio, phase_init
from torch_specinv.phase.initial import PHASES
from torch_specinv.solve.algorithm import ALGORITHMS

X, Y = waves(2, 2, 1500)
S, R = magnitudes(2, 33, 12)
WINDOW = hann(64)
LOG_MEL = S.float().repeat(1, 3, 1)[:, :80] - 6
SHORT = {"max_iter": 2, "verbose": False}

CALLS = {
    **{name: partial(loss, X, Y) for name, loss in WAVE_LOSSES.items()},
    **{name: partial(loss, S, R) for name, loss in SPECTRAL_LOSSES.items()},
    "phase": partial(losses.phase_loss, S + 0j, R + 0j),
    "random resolutions": partial(losses.random_resolution_stft_loss, X, Y),
    "sum and difference": partial(losses.sum_difference_stft_loss, X, Y),
    "general": partial(
        losses.time_frequency_loss, X, Y, torch.sin, [losses.esr_loss, lambda a, b: 0.5]
    ),
    **{
        name: partial(lambda name: invert(S, name, window=WINDOW, **SHORT).wave, name)
        for name in ALGORITHMS
    },
    **{
        f"start {name}": partial(phase_init, S, method=name, window=WINDOW) for name in PHASES
    },
    "lengths": partial(griffin_lim, S, window=WINDOW, lengths=[150, 120], **SHORT),
    "window by name": partial(griffin_lim, S, window="hann", **SHORT),
    "mel": partial(mel_to_audio, S.float(), n_fft=128, sr=8000, **SHORT),
    "preset": partial(mel_to_audio, LOG_MEL, preset="hifigan", **SHORT),
    "L_BFGS": partial(
        L_BFGS, S,
        lambda x: torch.stft(x, 64, window=WINDOW, return_complex=True).abs(),
        outer_max_iter=2, lengths=[176, 150], verbose=False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_the_default_device_is_not_asked(name):
    torch.manual_seed(0)
    expected = CALLS[name]()
    torch.manual_seed(0)
    with torch.device("meta"):
        found = CALLS[name]()
    assert found.device == expected.device
    assert torch.allclose(found, expected)
