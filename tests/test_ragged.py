"""A padded batch: each item as if alone, and nothing of the padding leaks."""

from __future__ import annotations

import math

import pytest
import torch

from tests.conftest import hann
from torch_specinv import ADMM, L_BFGS, RTISI_LA, STFT, SpecInvError, griffin_lim, invert
from torch_specinv.solve import ALGORITHMS
from torch_specinv.transform.padding import PAD_MODES
from torch_specinv.transform.ragged import ragged_stft

LENGTHS = [1800, 700, 1333, 1024]


def padded_batch(waves, geometry, garbage=0.0):
    """The magnitude of each wave alone, and all in one batch with garbage behind the ends."""
    keywords = {"n_fft": 128, "window": hann(128), **geometry}
    alone = [torch.stft(wave, return_complex=True, **keywords).abs() for wave in waves]
    frames = max(spec.shape[-1] for spec in alone)
    batch = torch.full((len(waves), alone[0].shape[0], frames), garbage, dtype=torch.float64)
    for row, spec in zip(batch, alone, strict=True):
        row[:, : spec.shape[-1]] = spec
    return alone, batch, keywords


@pytest.mark.parametrize(
    "geometry",
    [
        *({"pad_mode": mode} for mode in PAD_MODES),
        {"center": False, "hop_length": 40},
        {"n_fft": 127, "window": 0.1 + hann(127), "hop_length": 50},
        {"onesided": False, "normalized": True},
    ],
)
def test_each_transform_is_that_of_the_item_alone(geometry):
    waves = [torch.randn(n, dtype=torch.float64) for n in LENGTHS]
    alone, batch, keywords = padded_batch(waves, geometry)
    stft, _ = ragged_stft(batch, LENGTHS, **keywords)
    together = torch.nn.utils.rnn.pad_sequence(waves, batch_first=True)
    # what lies behind the end of a wave is not looked at
    spectra = stft.analyse(together + torch.where(stft.cut(batch.new_ones(4, 4000)) > 0, 0, 9.0))
    random = torch.randn(spectra.shape, dtype=torch.complex128)
    synthesised = stft.synthesise(random)
    for i, (wave, spec) in enumerate(zip(waves, alone, strict=True)):
        single = STFT.of(spec, length=len(wave), **keywords)
        frames = spec.shape[-1]
        assert (spectra[i, :, :frames] - single.analyse(wave)).abs().max() < 1e-12
        assert (spectra[i, :, frames:] == 0).all()
        expected = single.synthesise(random[i, :, :frames])
        assert (synthesised[i, : len(wave)] - expected).abs().max() < 1e-12
        assert (synthesised[i, len(wave) :] == 0).all()


@pytest.mark.parametrize("name", sorted(ALGORITHMS))
@pytest.mark.parametrize("pad_mode", ["reflect", "circular", None])
def test_each_item_equals_the_item_alone(name, pad_mode):
    generator = torch.Generator().manual_seed(1)
    waves = [torch.randn(n, dtype=torch.float64, generator=generator) for n in LENGTHS]
    geometry = {"center": False} if pad_mode is None else {"pad_mode": pad_mode}
    alone, batch, keywords = padded_batch(waves, geometry, garbage=math.nan)
    run = {"tol": 1e-3, "verbose": False, "max_iter": 20 if ALGORITHMS[name].takes_start else 1}
    result = invert(batch, name, lengths=LENGTHS, **keywords, **run)
    assert result.wave.shape == (4, 1800)
    for i, spec in enumerate(alone):
        single = invert(spec, name, length=LENGTHS[i], **keywords, **run)
        # frame by frame, rounding passes through all iterations of all frames, and grows
        bound = 1e-9 if ALGORITHMS[name].takes_start else 1e-6
        assert (result.wave[i, : LENGTHS[i]] - single.wave).abs().max() < bound
        assert (result.wave[i, LENGTHS[i] :] == 0).all()
        if ALGORITHMS[name].takes_start:
            assert result.iterations[i] == single.iterations
            assert result.status[i] == single.status[0]
            last = result.history["sc"][-1, i]
            assert float(last) == pytest.approx(float(single.history["sc"][-1]), abs=1e-6)


def test_the_functions_take_lengths():
    waves = [torch.randn(n, dtype=torch.float64) for n in LENGTHS]
    _, batch, keywords = padded_batch(waves, {})
    lengths = torch.tensor(LENGTHS)
    for function in (griffin_lim, ADMM, RTISI_LA):
        wave = function(batch, max_iter=2, lengths=lengths, verbose=False, **keywords)
        assert wave.shape == (4, 1800)
        assert (wave[1, 700:] == 0).all()
        assert wave[1, 600:700].abs().max() > 0
    nested = griffin_lim(
        batch.reshape(2, 2, *batch.shape[1:]), 2, lengths=lengths.view(2, 2), verbose=False,
        **keywords,
    )  # fmt: skip
    flat = griffin_lim(batch, 2, lengths=lengths, verbose=False, **keywords)
    assert torch.equal(nested, flat.reshape(2, 2, -1))


def test_an_arbitrary_transform_sees_no_padding():
    def transform(wave):
        spec = torch.stft(wave, 128, window=hann(128), center=False, return_complex=True).abs()
        return (spec + 0.1).log()

    generator = torch.Generator().manual_seed(1)
    lengths = [900, 700, 900]
    waves = [torch.randn(n, dtype=torch.float64, generator=generator) for n in lengths]
    alone = [transform(wave) for wave in waves]
    batch = torch.nn.utils.rnn.pad_sequence([s.T for s in alone], batch_first=True).mT
    batch[1, :, alone[1].shape[-1] :] = math.nan
    run = {"outer_max_iter": 10, "verbose": False}

    def seeded():
        return torch.Generator().manual_seed(2)

    result = L_BFGS(batch, transform, lengths=lengths, generator=seeded(), **run)
    for i, length in enumerate(lengths):
        single = L_BFGS(alone[i], transform, length, generator=seeded(), **run)
        assert (result[i, :length] - single).abs().max() < 1e-9
        assert (result[i, length:] == 0).all()
    batch = torch.nan_to_num(batch).requires_grad_()
    L_BFGS(batch, transform, lengths=lengths, **run).square().sum().backward()
    assert batch.grad[0].abs().max() > 0
    assert (batch.grad[1, :, alone[1].shape[-1] :] == 0).all()
    seen = []

    def stop(report):
        seen.append(report.iteration)
        return True

    L_BFGS(batch.detach(), transform, lengths=lengths, eva_iter=2, callback=stop, **run)
    assert seen == [2]


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([1800, 700], r"expected one length for each of the 4 items"),
        ([1800, 700, 0, 900], r"lengths\[2\]=0: 57 frames .* 1 to 1823"),
        ([1800, 700, 1824, 900], r"lengths\[2\]=1824: .*samples, not frames"),
        ([1800, 700, 50, 900], r"50 samples.*reflect.*at least 65"),
        ([57, 40, 30, 20], r"lengths reach 57 at most, for 57 frames .* samples, not frames"),
        ([1800.0, 700.0, 50.0, 900.0], r"lengths has dtype torch\.float32"),
    ],
)
def test_bad_lengths(lengths, message):
    with pytest.raises(SpecInvError, match=message):
        griffin_lim(torch.rand(4, 65, 57), 2, lengths=lengths, window=hann(128), verbose=False)


def test_bad_combinations():
    with pytest.raises(SpecInvError, match="length and lengths are both given"):
        griffin_lim(torch.rand(1, 65, 57), 2, length=1800, lengths=[1800], window=hann(128))
    with pytest.raises(SpecInvError, match=r"lengths needs a batch.*\(65, 57\)"):
        griffin_lim(torch.rand(65, 57), 2, lengths=[1800], window=hann(128))
    bad = torch.rand(2, 65, 57)
    bad[1, 3, 2] = math.nan
    with pytest.raises(SpecInvError, match=r"NaN .*\(1, 3, 2\)"):
        griffin_lim(bad, 2, lengths=[1800, 1000], window=hann(128))
