"""The transform in real numbers, of which graphs are made, against the complex one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.conftest import hann
from tests.export_cases import SPEC, STFTS, seeded
from torch_specinv.transform.real_stft import RealSTFT, fold, fourier_rows, pad
from torch_specinv.transform.stft import STFT


@pytest.mark.parametrize("stft", STFTS)
def test_the_real_transform_is_the_complex_one(stft):
    keywords = {"window": hann(STFTS[stft].get("win_length", 64)), **STFTS[stft]}
    complex_ = STFT.of(SPEC, n_fft=64, **keywords)
    g = complex_.geometry
    real = RealSTFT.of(g, fourier_rows(g), g.frames, edges=complex_.poorly_covered is not None)
    wave = torch.randn(2, g.length, generator=seeded(), dtype=torch.float64)
    spectrum = complex_.analyse(wave)
    pairs = torch.cat([spectrum.real, spectrum.imag], 1)
    torch.testing.assert_close(real.analyse(wave), pairs)
    noisy = spectrum + torch.randn(spectrum.shape, generator=seeded(), dtype=spectrum.dtype)
    pairs = torch.cat([noisy.real, noisy.imag], 1)
    expected = complex_.synthesise(noisy)
    torch.testing.assert_close(real.synthesise(pairs), expected, rtol=1e-7, atol=1e-9)
    for first in range(2):
        part, frames = spectrum[..., first::2], slice(first, None, 2)
        torch.testing.assert_close(real.analyse(wave, frames), torch.cat([part.real, part.imag], 1))
        pairs = torch.cat([noisy.real, noisy.imag], 1)[..., frames]
        expected = complex_.synthesise(noisy[..., frames], frames)
        torch.testing.assert_close(real.synthesise(pairs, frames), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("mode", ["reflect", "constant", "replicate", "circular"])
def test_folding_is_the_adjoint_of_padding(mode):
    x = torch.randn(2, 11, generator=seeded(), dtype=torch.float64)
    y = torch.randn(2, 11 + 2 * 7, generator=seeded(), dtype=torch.float64)
    numpy_mode = {"replicate": "edge", "circular": "wrap"}.get(mode, mode)
    expected = torch.from_numpy(np.pad(x.numpy(), ((0, 0), (7, 7)), mode=numpy_mode))
    assert torch.equal(pad(x, 7, mode), expected)
    torch.testing.assert_close((pad(x, 7, mode) * y).sum(), (x * fold(y, 7, mode, 11)).sum())
