"""The envelope of long waves is kept as both ends and a period, the same to the last digit."""

from __future__ import annotations

import pytest
import torch

from tests.conftest import hann
from torch_specinv.transform.frames import overlap_add
from torch_specinv.transform.periodic import Periodic
from torch_specinv.transform.stft import STFT


@pytest.mark.parametrize("hop", [32, 40, 47])
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("length", [1000, 5000, 5013])
def test_an_envelope_is_that_of_all_frames(hop, center, length):
    window = 0.1 + hann(128)
    stft = STFT.of_wave(
        torch.zeros(1, length, dtype=torch.float64),
        n_fft=128, hop_length=hop, window=window, center=center, pad_mode="constant",
    )  # fmt: skip
    g = stft.geometry
    whole = overlap_add(window.square().expand(1, g.frames, 128), hop)[0, g.padding :]
    expected = torch.nn.functional.pad(whole, (0, max(0, length - len(whole))))[:length]
    assert torch.equal(stft.envelope, expected)
    held = stft._envelope
    assert isinstance(held, Periodic) == (length > 2000)
    if isinstance(held, Periodic):
        assert len(held.head) + len(held.period) + len(held.tail) < length / 2


def test_what_repeats_itself_is_found():
    row = torch.cat([torch.arange(9.0), torch.arange(7.0).repeat(12)[:80], torch.arange(9.0)])
    found = Periodic.of(row, 7, 9)
    assert found is not None
    assert torch.equal(found.whole(), row)
    assert Periodic.of(row, 6, 9) is None
    row[50] += 1e-6
    assert Periodic.of(row, 7, 9) is None
    assert Periodic.of(row.expand(2, -1), 7, 9) is None
