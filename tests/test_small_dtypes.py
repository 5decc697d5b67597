"""complex32, float16 and 8-bit floats where they are not a spectrogram."""

from __future__ import annotations

import pytest
import torch

from torch_specinv import STFT, losses

SPEC = torch.rand(2, 33, 20, generator=torch.Generator().manual_seed(0))


@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
def test_parts_of_the_package_take_small_dtypes_too():
    """Each computes in single precision, and returns what the numbers in single precision give."""
    eight, half = torch.float8_e5m2, torch.float16
    x, y = torch.randn(2, 400, generator=torch.Generator().manual_seed(0))
    weights, positions = torch.tensor([0.5, 2.0]), torch.arange(33.0).flip(0)
    pair = [losses.esr_loss, losses.dc_loss]

    def general(weights):
        return losses.time_frequency_loss(x, y, torch.sin, pair, weights=weights)

    assert torch.equal(general(weights.to(eight)), general(weights))
    found, expected = (
        losses.spectral_optimal_transport_loss(SPEC, SPEC + 0.1, places)
        for places in (positions.to(eight), positions.to(eight).float())
    )
    assert torch.equal(found, expected)
    hertz = torch.tensor([100.0, 4000.0, 16000.0])
    found = losses.a_weighting(hertz.to(half))
    assert found.dtype == half
    assert torch.equal(found, losses.a_weighting(hertz).half())
    few = hertz.to(eight)
    assert torch.equal(losses.a_weighting(few), losses.a_weighting(few.float()))
    weigh = losses.FIRFilter("a_weighting", sr=16000)
    assert torch.equal(weigh(x.half()), weigh(x.half().float()).half())
    stft = STFT.of(SPEC, window=torch.hann_window(64))
    spectrum = torch.polar(SPEC, 6 * SPEC).to(torch.complex32)
    assert torch.equal(stft.synthesise(spectrum), stft.synthesise(spectrum.to(torch.complex64)))
