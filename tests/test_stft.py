"""The ends of waves, where hardly any frame sees them; parts of the transform; bad input."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.conftest import hann
from torch_specinv import STFT, SpecInvError, invert
from torch_specinv.solve import SpectrogramProblem
from torch_specinv.transform.frames import overlap_add
from torch_specinv.transform.padding import PAD_MODES, fold, pad
from torch_specinv.transform.ragged import ragged_stft


@pytest.mark.parametrize("mode", PAD_MODES)
@pytest.mark.parametrize(("length", "amount"), [(9, 8), (20, 3), (5, 4)])
def test_fold_is_the_adjoint_of_pad(mode, length, amount):
    x = torch.randn(3, length, dtype=torch.float64)
    y = torch.randn(3, length + 2 * amount, dtype=torch.float64)
    left = (pad(x, amount, mode) * y).sum()
    right = (x * fold(y, amount, mode)).sum()
    assert abs(float(left - right)) < 1e-12


@pytest.mark.parametrize(("size", "hop_length"), [(8, 2), (9, 4), (5, 5), (7, 1)])
def test_overlap_add_is_a_sum_of_shifted_frames(size, hop_length):
    frames = torch.randn(2, 6, size, dtype=torch.float64)
    expected = np.zeros((2, 5 * hop_length + size))
    for m in range(6):
        expected[:, m * hop_length : m * hop_length + size] += frames[:, m].numpy()
    np.testing.assert_allclose(overlap_add(frames, hop_length).numpy(), expected, atol=1e-14)


def test_zero_edges_without_centring():
    """torch.istft refuses this one; the sample that no frame sees is 0, the rest is exact."""
    wave = torch.randn(1024, dtype=torch.float64)
    spec = torch.stft(wave, 256, window=hann(256), center=False, return_complex=True)
    stft = STFT.of(spec, window=hann(256), center=False)
    restored = stft.synthesise(spec)
    assert restored[0] == 0
    assert (restored - wave)[1:].abs().max() < 1e-10


def test_a_tail_that_no_frame_sees_is_zero():
    wave = torch.randn(300, dtype=torch.float64)
    spec = torch.stft(wave, 64, 32, window=hann(64), center=False, return_complex=True)
    restored = STFT.of(spec, length=300, hop_length=32, window=hann(64), center=False).synthesise(
        spec
    )
    seen = 64 + 32 * (spec.shape[-1] - 1)
    assert seen < 300
    assert (restored[seen:] == 0).all()
    assert (restored - wave)[1:seen].abs().max() < 1e-10


def test_noise_at_a_faint_edge_has_the_variance_it_is_calmed_for():
    """Synthesise noise of known variance many times, and compare with the Wiener gain's model."""
    window = hann(64)
    stft = STFT.of(torch.rand(33, 10), window=window, center=False)
    sigma = 0.1 + torch.rand(1, 10, dtype=torch.float64)
    frames = sigma.unsqueeze(-1) * torch.randn(4000, 10, 64, dtype=torch.float64)
    noise = stft.synthesise(torch.fft.rfft(frames).mT)
    ones = torch.ones(1, stft.geometry.length, dtype=torch.float64)
    level = float((~stft.poorly_covered).double().mean())
    kept = stft.suppress_edge_noise(ones, sigma.square())[0]
    assert (kept[~stft.poorly_covered] == 1).all()
    variance = level * (1 / kept[stft.poorly_covered] - 1)
    measured = noise.square().mean(0)[stft.poorly_covered]
    seen = measured > 0  # a sample that no frame sees is not poorly covered but lost
    assert torch.allclose(variance[seen], measured[seen], rtol=0.15)


def test_clicks_go_and_onsets_stay(monkeypatch):
    """Without centring, poorly covered edges may hold clicks of the method, or sounds."""
    time = torch.arange(8000, dtype=torch.float64)
    quiet = 0.02 * torch.randn(8000, dtype=torch.float64)
    onset = quiet + torch.exp(-time / 40) * torch.sin(0.3 * time)
    keywords = {"window": hann(512), "hop_length": 128, "center": False}
    for wave in (quiet, onset):
        spec = torch.stft(wave, 512, return_complex=True, **keywords)
        run = {"length": 8000, "max_iter": 20, "tol": 0, "verbose": False, **keywords}
        true = invert(spec, **run)
        assert true.history["sc"][-1] < -100
        assert (true.wave - wave)[1:7900].abs().max() < 1e-5 * wave.abs().max()
        calm = invert(spec.abs(), **run).wave
        with monkeypatch.context() as patch:
            patch.setattr(SpectrogramProblem, "_suppress_edge_noise", lambda _self, x: x)
            clicking = invert(spec.abs(), **run).wave
        peak = wave.abs().max()
        assert clicking.abs().max() > 30 * peak
        assert calm.abs().max() < 8 * peak
    centred = STFT.of(torch.rand(129, 20), window=hann(256))
    assert centred.suppress_edge_noise(onset, quiet) is onset


@pytest.mark.parametrize("hop_length", [16, 25, 32, 60])
@pytest.mark.parametrize("samples", [70, 200, 1000, 1009])
@pytest.mark.parametrize("lengths", [None, (1.0, 0.9), (1.0, 0.3)])
def test_clicks_are_looked_for_only_where_there_can_be_some(
    hop_length, samples, lengths, monkeypatch
):
    """The ends of a wave, which are treated alone, come out as in the whole wave."""
    keywords = {"window": hann(64) + (hop_length > 32), "hop_length": hop_length, "center": False}
    generator = torch.Generator().manual_seed(samples)
    wave = torch.randn(2, samples, generator=generator, dtype=torch.float64)
    target = STFT.of_wave(wave, n_fft=64, **keywords)(wave)
    target *= 1 + torch.rand(target.shape, generator=generator)

    def finished():
        if lengths is None:
            stft, own = STFT.of(target, length=samples, **keywords), target
        else:
            ends = [max(64, int(share * samples)) for share in lengths]
            stft, own = ragged_stft(target, ends, **keywords)
        return stft, SpectrogramProblem.from_magnitude(own, stft).finish(wave)

    stft, found = finished()
    if hop_length <= 32 and samples >= 1000:
        assert not torch.equal(found, wave)
        assert stft.middle is not None
        assert 3 * stft.ends.geometry.length < samples or lengths is not None
    monkeypatch.setattr("torch_specinv.transform.stft.middle_between", lambda *_: None)
    stft, expected = finished()
    assert stft.middle is None
    assert torch.allclose(expected, found, rtol=1e-12, atol=1e-12)


def test_synthesis_with_and_without_clicks():
    """The nearest wave clicks at its ends, unless that is suppressed; numpy tells by how much."""
    wave = torch.randn(2, 3, 256 + 64 * 20, dtype=torch.float64)
    stft = STFT.of_wave(wave, n_fft=256, window=hann(256), center=False)
    spectrum = stft.analyse(wave)
    flag = {"suppress_edge_noise": True}
    assert torch.allclose(stft.synthesise(spectrum, **flag), stft.synthesise(spectrum), atol=1e-9)
    noisy = spectrum + 0.1 * spectrum.abs() * torch.randn_like(spectrum)
    clicking, calm = stft.synthesise(noisy), stft.synthesise(noisy, **flag)
    assert clicking.shape == calm.shape == wave.shape
    assert clicking.abs().amax() > 10 * wave.abs().amax()
    assert (calm - wave).norm() < 0.2 * wave.norm()
    well_seen = ~stft.poorly_covered
    assert torch.equal(calm[..., well_seen], clicking[..., well_seen])
    # the Wiener gain of the docstring, for one wave
    window, own = hann(256).numpy(), clicking[1, 2].numpy()
    frames = np.lib.stride_tricks.sliding_window_view(own, 256)[::64] * window
    lacking = abs(noisy[1, 2].numpy().T - np.fft.rfft(frames)) ** 2
    lacking[:, 1:-1] *= 2  # they stand for their mirror images as well
    noise = lacking.sum(1) / 256**2
    envelope, variance = np.zeros(len(own)), np.zeros(len(own))
    for m, sigma in enumerate(noise):
        envelope[64 * m : 64 * m + 256] += window**2
        variance[64 * m : 64 * m + 256] += window**2 * sigma
    # the power of what is well seen, within 4 hops of 64 samples on either side
    usual, power = (well_seen & (stft.envelope > 0)).numpy(), np.empty(len(own))
    for k in range(len(own)):
        near = slice(max(0, k // 64 - 4) * 64, (k // 64 + 5) * 64)
        power[k] = (own[near][usual[near]] ** 2).mean()
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = own * power / (power + variance / envelope**2)
    faint = stft.poorly_covered.numpy()
    np.testing.assert_allclose(calm[1, 2].numpy()[faint], expected[faint], rtol=1e-6)
    with pytest.raises(SpecInvError, match="needs all frames"):
        stft.synthesise(noisy[..., ::2], slice(None, None, 2), **flag)
    centred = STFT.of_wave(wave, n_fft=256, window=hann(256))
    noisy = centred.analyse(wave) * (1 + 0.1j)
    assert torch.equal(centred.synthesise(noisy, **flag), centred.synthesise(noisy))


def test_lost_samples_in_the_interior_raise_and_the_proposed_hop_works():
    spec = torch.rand(33, 10)
    with pytest.raises(SpecInvError, match=r"hop_length=64 .* loses 9 of .*hop_length=63 would"):
        STFT.of(spec, hop_length=64, window=hann(64), center=False)
    STFT.of(spec, hop_length=63, window=hann(64), center=False)
    # one frame has no interior
    STFT.of(spec[:, :1], hop_length=64, window=hann(64), center=False)


def test_bins_of_a_frame_lie_side_by_side():
    """Pointwise rules keep this layout, so no transform copies."""
    stft = STFT.of(torch.rand(1, 33, 20), window=hann(64))
    assert stft.analyse(torch.rand(1, stft.geometry.length)).stride()[-2] == 1


def test_bad_input():
    stft = STFT.of(torch.rand(33, 20), window=hann(64))
    with pytest.raises(SpecInvError, match=r"wave has shape \(305,\), but STFT\(.*\) takes .* 304"):
        stft.analyse(torch.zeros(305))
    with pytest.raises(SpecInvError, match=r"spectrum has shape \(30, 20\)"):
        stft.synthesise(torch.zeros(30, 20))
    for wave, keywords, message in (
        (torch.rand(100), {}, "n_fft=None"),
        (torch.rand(100), {"nfft": 16}, "'n_fft'"),
        (torch.rand(100), {"n_fft": 16, "window": "hanm"}, "window='hanm'"),
        (torch.tensor(1.0), {"n_fft": 16}, r"shape \(\)"),
        (torch.ones(100, dtype=torch.int32), {"n_fft": 16}, "int32"),
        (torch.rand(10), {"n_fft": 16, "center": False}, "10 samples, fewer than a frame"),
    ):
        with pytest.raises(SpecInvError, match=message):
            STFT.of_wave(wave, **keywords)
