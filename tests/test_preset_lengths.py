"""Presets whose recipe pads the waveform itself speak of the lengths that the user passed."""

from __future__ import annotations

import pytest
import torch

from torch_specinv import SpecInvError, mel_to_audio
from torch_specinv.mel import preset

HIFIGAN = preset("hifigan")  # adds 384 samples to each end, and has a hop of 256
MEL = torch.randn(3, 80, 20, generator=torch.Generator().manual_seed(0)) - 5


def invert(mel, **lengths):
    return mel_to_audio(mel, preset="hifigan", max_iter=1, verbose=False, **lengths)


@pytest.mark.parametrize("length", [5119, 5376, 5120 + 2 * HIFIGAN.padding])
def test_a_length_that_makes_another_number_of_frames(length):
    message = f"length={length}: 20 frames at hop_length=256 belong to a waveform of 5120 to 5375 "
    with pytest.raises(SpecInvError, match=message):
        invert(MEL, length=length)


@pytest.mark.parametrize("length", [255, 5376])
def test_lengths_that_do_not_fit(length):
    message = rf"lengths\[1\]={length}: 20 frames at .* hold waveforms of 256 to 5375 samples"
    with pytest.raises(SpecInvError, match=message):
        invert(MEL, lengths=[5120, length, 5120])


def test_lengths_that_are_no_samples():
    with pytest.raises(SpecInvError, match="lengths reach 20 at most, for 20 frames"):
        invert(MEL, lengths=[20, 18, 7])
    with pytest.raises(SpecInvError, match=r"dtype torch\.bool"):
        invert(MEL, lengths=torch.tensor([True, True, True]))
    with pytest.raises(SpecInvError, match=r"shape \(2,\): .* the 3 items"):
        invert(MEL, lengths=[5120, 5120])
    with pytest.raises(SpecInvError, match="lengths needs a batch"):
        invert(MEL[0], lengths=[5120])
    with pytest.raises(SpecInvError, match="both given"):
        invert(MEL, lengths=[5120, 4000, 256], length=5120)
    with pytest.raises(SpecInvError, match=r"length=5120[.]0: expected a whole number"):
        invert(MEL, length=5120.0)
    with pytest.raises(SpecInvError, match=r"mel has shape \(80,\)"):
        invert(MEL[0, :, 0], length=256)


def test_the_least_and_the_greatest_lengths():
    assert invert(MEL, length=5120).shape == (3, 5120)
    assert invert(MEL, length=5375).shape == (3, 5375)
    waves = invert(MEL, lengths=[256, 5375, 4000])
    assert waves.shape == (3, 5375)
    assert not waves[0, 256:].any()
    assert not waves[2, 4000:].any()
    nested = invert(MEL[:, None], lengths=torch.tensor([256, 5375, 4000]))
    assert torch.equal(nested[:, 0], waves)


@pytest.mark.parametrize("lengths", [{"length": 5200}, {"lengths": [256, 5375, 4000]}])
def test_a_callback_sees_what_would_be_returned(lengths):
    seen = []
    wave = invert(MEL, callback=lambda report: seen.append(report.wave), **lengths)
    assert torch.equal(seen[-1], wave)
