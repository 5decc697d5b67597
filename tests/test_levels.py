"""How values are written down: levels, statistics of a corpus, normalised decibels."""

import numpy as np
import pytest
import torch

from torch_specinv import SpecInvError
from torch_specinv.mel import Levels, MelSpec, normalised_levels, preset


def sums(rows=4, frames=9):
    x = torch.rand(rows, frames, dtype=torch.float64, generator=torch.manual_seed(0))
    return x * 10 ** torch.linspace(-2, 2, frames, dtype=torch.float64)


def test_keithitos_tacotron():
    """github.com/keithito/tacotron, util/audio.py: -100 dB and a reference of 20 dB."""
    magnitude = sums()
    decibels = 20 * np.log10(np.maximum(1e-5, magnitude.numpy())) - 20
    expected = np.clip((decibels + 100) / 100, 0, 1)
    levels = Levels(**normalised_levels())
    assert np.allclose(levels.write(magnitude), expected, atol=1e-12)
    # what was not clipped comes back
    inside = torch.from_numpy((expected > 0) & (expected < 1))
    back = levels.restore(torch.from_numpy(expected))
    assert torch.allclose(back[inside], magnitude[inside], rtol=1e-9)


def test_rayhanes_tacotron():
    """github.com/Rayhane-mamah/Tacotron-2: symmetric, to -4 and 4."""
    magnitude = sums()
    decibels = 20 * np.log10(np.maximum(1e-5, magnitude.numpy())) - 20
    expected = np.clip(2 * 4 * ((decibels + 100) / 100) - 4, -4, 4)
    levels = Levels(**normalised_levels(max_norm=4, symmetric_norm=True))
    assert np.allclose(levels.write(magnitude), expected, atol=1e-12)


@pytest.mark.parametrize("form", [list, tuple, np.array, torch.tensor, lambda x: np.array([x]).T])
def test_statistics_of_a_corpus(form):
    mean, std = [-5.0, -4.0, -3.5, 1.0], [1.0, 2.0, 0.5, 3.0]
    levels = Levels(log="ln", shift=form(mean), scale=form(std))
    written = levels.write(sums())
    expected = (np.log(sums().numpy()) - np.array([mean]).T) / np.array([std]).T
    assert np.allclose(written, expected)
    assert torch.allclose(levels.restore(written), sums())
    assert levels == Levels(log="ln", shift=mean, scale=std)
    assert hash(levels) == hash(Levels(log="ln", shift=mean, scale=std))


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"scale": [1.0, 0.0]}, "a scale other than 0"),
        ({"shift": [[1.0, 2.0], [3.0, 4.0]]}, "one for each row"),
        ({"shift": "mean.npy"}, "shift is a str: expected .* numbers"),
        ({"scale": [1.0, float("nan")]}, "not finite"),
        ({"limits": (1, 0)}, "two numbers that rise"),
        ({"log": "db"}, "Did you mean 'dB'"),
    ],
)
def test_wrong_levels(keywords, message):
    with pytest.raises(SpecInvError, match=message):
        Levels(**keywords)


def test_statistics_of_other_bands():
    levels = MelSpec(16000, log="ln", shift=[0.0] * 40)
    with pytest.raises(SpecInvError, match="shift has 40 numbers, but spec has shape"):
        levels.restore(torch.zeros(80, 5))


def test_normalised_levels_that_cannot_be():
    with pytest.raises(SpecInvError, match="a negative level"):
        normalised_levels(100)


def test_a_preset_with_changes():
    changed = preset("hifigan", fmax=None, n_mels=100, hop_length=300)
    assert (changed.mel.fmax, changed.n_mels, changed.hop_length) == (None, 100, 300)
    assert preset("hifigan").mel.fmax == 8000
    assert preset(changed) == changed
    with pytest.raises(SpecInvError, match=r"unknown keyword 'f_max'.* Did you mean 'fmax'"):
        preset("hifigan", f_max=None)
