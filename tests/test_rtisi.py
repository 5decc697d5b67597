"""RTISI-LA: against a plain loop, pushed against offline, and how good it is."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.conftest import hann, magnitude
from torch_specinv import RTISI_LA, STFT, SpecInvError, invert, metrics
from torch_specinv.comparing.signals import speech_like
from torch_specinv.constraints.magnitude import Magnitude
from torch_specinv.online import RTISI, LeastSquaresGuess, OnlineInverter


def by_loop(target, window, hop, look_ahead, iterations, alpha, asymmetric):
    """RTISI-LA of (frames, bins) on whole signals in numpy: nothing is shifted, all is summed."""
    frames, n = len(target), len(window)
    length = (frames - 1) * hop + n
    floor = 1e-3 * (window**2).sum() / hop

    def place(m):
        return slice(m * hop, m * hop + n)

    def combine(spectra, present):
        signal, envelope = np.zeros(length), np.zeros(length)
        for m, spectrum in spectra.items():
            signal[place(m)] += np.fft.irfft(spectrum, n) * window
        for m in present:
            envelope[place(m)] += window**2
        return signal / np.maximum(envelope, floor)

    def spectrum_at(wave, m):
        return np.fft.rfft(wave[place(m)] * window)

    def phase(c):
        size = np.abs(c)
        return np.where(size > 0, c / np.where(size > 0, size, 1), 0)

    middle = (np.arange(n) * window**2).sum() / (window**2).sum()
    pulse = np.exp(-2j * np.pi * middle / n * np.arange(n // 2 + 1))
    known = {}
    for newest in range(frames + look_ahead):
        oldest = max(0, newest - look_ahead)
        if newest < frames:
            present = [*known] if asymmetric else [*known, newest]
            guess = spectrum_at(combine(known, present), newest)
            known[newest] = target[newest] * phase(guess + 1e-6 * target[newest] * pulse)
        active = [m for m in known if m >= oldest]
        probe = previous = combine(known, known)
        for i in range(iterations):
            for m in active:
                known[m] = target[m] * phase(spectrum_at(probe, m))
            if i + 1 < iterations:
                wave = combine(known, known)
                probe, previous = wave + alpha * (wave - previous), wave
    return combine(known, known)


@pytest.mark.parametrize("look_ahead", [0, 1, 3])
@pytest.mark.parametrize(("alpha", "asymmetric"), [(0.0, False), (0.99, False), (0.5, True)])
@pytest.mark.parametrize("iterations", [1, 2, 4])
def test_the_plain_loop(speech, look_ahead, alpha, asymmetric, iterations):
    window = 0.1 + hann(64)
    spec = torch.stft(speech[:500], 64, 20, window=window, center=False, return_complex=True).abs()
    # with two iterations the wave before the last and the one that was transformed are the same
    target = spec.T.numpy()
    expected = by_loop(target, window.numpy(), 20, look_ahead, iterations, alpha, asymmetric)
    wave = RTISI_LA(
        spec, look_ahead, asymmetric, iterations, alpha, verbose=False, hop_length=20,
        window=window, center=False,
    )  # fmt: skip
    assert abs(wave.numpy() - expected).max() < 1e-8 * abs(expected).max()


@pytest.mark.parametrize(
    "geometry",
    [
        {},
        {"center": False, "hop_length": 40},
        {"win_length": 100, "window": hann(100), "hop_length": 30},
        {"n_fft": 127, "window": hann(127), "normalized": True},
        {"onesided": False},
    ],
)
@pytest.mark.parametrize("look_ahead", [-1, 0, 2])
def test_pushing_is_the_offline_call(clips, geometry, look_ahead):
    keywords = {"n_fft": 128, "window": hann(128), **geometry}
    spec = (
        torch.stft(clips[:3, :900], return_complex=True, **keywords)
        .abs()
        .reshape(3, 1, -1, torch.stft(clips[0, :900], return_complex=True, **keywords).shape[-1])
    )
    online = RTISI(look_ahead, max_iter=3, **keywords)
    for _ in range(2):  # flush makes it ready for another signal
        parts = [online.push(frame) for frame in spec.unbind(-1)]
        offline = RTISI_LA(spec, look_ahead, max_iter=3, verbose=False, **keywords)
        hop = keywords.get("hop_length", keywords["n_fft"] // 4)
        assert all(part.shape[-1] <= hop for part in parts)
        # what was returned is final: it is what the whole gives, before the end is known
        early = torch.cat(parts, -1)
        # equal but for the rounding of transforms of memory that lies elsewhere
        assert (early - offline[..., : early.shape[-1]]).abs().max() < 1e-12
        pushed = torch.cat([early, online.flush()], -1)
        assert pushed.shape == offline.shape
        assert (pushed - offline).abs().max() < 1e-12
    padding = 0 if geometry.get("center") is False else keywords["n_fft"] // 2
    newest = (spec.shape[-1] - 1) * hop + keywords["n_fft"] - padding
    assert newest - early.shape[-1] == online.latency


def test_fewer_frames_than_are_looked_ahead():
    """The frames that never come are absent, online, offline and in a ragged batch alike."""
    spec = torch.rand(65, 2, dtype=torch.float64)
    keywords = {"n_fft": 128, "window": hann(128), "center": False}
    online = RTISI(max_iter=3, **keywords)
    parts = [online.push(frame) for frame in spec.T]
    pushed = torch.cat([*parts, online.flush()])
    offline = RTISI_LA(spec, max_iter=3, verbose=False, **keywords)
    assert (pushed - offline).abs().max() < 1e-12
    batch = torch.zeros(2, 65, 30, dtype=torch.float64)
    batch[0], batch[1, :, :2] = torch.rand(65, 30), spec
    ragged = RTISI_LA(batch, max_iter=3, lengths=[128 + 29 * 32, 160], verbose=False, **keywords)
    assert (ragged[1, :160] - offline).abs().max() < 1e-9


def test_as_good_as_promised():
    """SC of at most -22 dB on speech at look-ahead 3 and 8 iterations, and better with more."""
    wave = torch.stack([speech_like(16000, 1.0, seed) for seed in range(4)])
    window = torch.hann_window(1024)
    spec = magnitude(wave, 1024, window=window)
    run = {"window": window, "verbose": False, "length": 16000}
    ends = {
        (look_ahead, n): invert(
            spec, "rtisi_la", look_ahead=look_ahead, max_iter=n, **run
        ).history["sc"][-1].median()
        for look_ahead, n in ((3, 8), (0, 8), (3, 1))
    }  # fmt: skip
    assert ends[3, 8] < -22
    assert ends[3, 8] < ends[0, 8]
    assert ends[3, 8] < ends[3, 1]


def test_after_digital_silence_there_is_sound_again():
    wave = torch.zeros(4000)
    wave[2000:3000] = torch.sin(0.3 * torch.arange(1000))
    spec = magnitude(wave, 256)
    result = RTISI_LA(spec, max_iter=4, window=hann(256, torch.float32), verbose=False)
    assert metrics.sc(magnitude(result, 256), magnitude(wave, 256)) < -10
    assert result[:1500].abs().max() < 1e-3


def test_metrics_and_callback_count_frames(clips):
    spec = magnitude(clips[:2])
    seen = []
    result = invert(
        spec, "rtisi_la", max_iter=1, metric=("sc", "snr"), callback=seen.append,
        window=hann(256), verbose=False,
    )  # fmt: skip
    assert [r.iteration for r in seen] == list(result.evaluated[1:])
    assert result.evaluated == (0, 10, 20, 30, 36)  # 33 frames and a look-ahead of 3
    assert (result.history["sc"][-1] < result.history["sc"][1]).all()
    again = STFT.of(spec, window=hann(256))(result.wave)
    assert torch.allclose(result.history["snr"][-1], metrics.snr(again, spec), atol=1e-9)


def blobs(spec, count):
    """Smooth changes of a spectrogram (bins, frames): louder around a few places."""
    generator = torch.Generator().manual_seed(1)
    bins, frames = (torch.arange(size)[:, None] for size in spec.shape)
    for _ in range(count):
        k, m = torch.rand(2, generator=generator) * torch.tensor(spec.shape)
        yield spec * torch.exp(-(((bins - k) / 8) ** 2) - ((frames - m) / 3).mT ** 2)


@pytest.mark.parametrize("iterations", [2, 8])
@pytest.mark.parametrize("keywords", [{}, {"alpha": 0.0, "look_ahead": 0}])
def test_gradients_stay_small_and_follow_finite_changes(iterations, keywords):
    """The derivative itself grows severalfold from frame to frame and follows nothing."""
    clip = speech_like(8000, 1.0, 1)[:4000]
    keywords = {"max_iter": iterations, "verbose": False, "length": 4000, **keywords}
    gradients = {}
    for dtype in (torch.float32, torch.float64):
        window = hann(256, dtype)

        def energy(spec, window=window):
            return RTISI_LA(spec, window=window, **keywords).square().sum()

        spec = magnitude(clip.to(dtype), 256, window=window)
        loss = energy(spec.requires_grad_())
        (gradients[dtype],) = torch.autograd.grad(loss, spec)
        spec = spec.detach()
        assert gradients[dtype].abs().max() < 1
        assert gradients[dtype].norm() * spec.norm() < 4 * loss.detach()
    changes = list(blobs(spec, 12))
    told = torch.stack([(gradients[torch.float64] * change).sum() for change in changes])
    true = torch.stack(
        [(energy(spec + 0.4 * change) - energy(spec - 0.4 * change)) / 0.8 for change in changes]
    )
    assert torch.corrcoef(torch.stack([told, true]))[0, 1] > 0.75
    assert (told - true).abs().mean() < 0.5 * true.abs().mean()


@pytest.mark.parametrize("asymmetric", [False, True])
def test_the_exact_gradient_is_the_derivative(speech, asymmetric):
    """Against finite differences, where the first frames are smooth enough for them."""
    window = 0.1 + hann(64)
    spec = magnitude(speech[:256], 64, window=window)
    probe = torch.randn(256, dtype=torch.float64)
    keywords = {
        "look_ahead": 2, "asymmetric_window": asymmetric, "max_iter": 2, "length": 256,
        "window": window, "verbose": False,
    }  # fmt: skip

    def value(spec, exact=True):
        wave = invert(spec, "rtisi_la", exact_gradient=exact, **keywords).wave
        return (wave * probe).sum()

    spec.requires_grad_()
    (exact,) = torch.autograd.grad(value(spec), spec)
    (limited,) = torch.autograd.grad(value(spec, exact=False), spec)
    spec = spec.detach()
    assert value(spec) == value(spec, exact=False)
    for _ in range(5):
        change = torch.randn_like(spec) * spec
        finite = (value(spec + 1e-7 * change) - value(spec - 1e-7 * change)) / 2e-7
        assert abs((exact * change).sum() - finite) < 1e-3 * (exact * change).norm()
    assert not torch.allclose(exact, limited)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("power", [-80, 80])
def test_pushing_at_any_level(speech, dtype, power):
    """The level of frames that arrive one by one is known to nobody."""
    window = hann(128, dtype)
    spec = magnitude(speech[:900].to(dtype), 128, window=window)
    levels = torch.tensor([1.0, 2.0**power], dtype=dtype)[:, None]  # of one batch
    online = RTISI(max_iter=3, n_fft=128, window=window)
    parts = [online.push(levels * frame) for frame in spec.unbind(-1)]
    waves = torch.cat([*parts, online.flush()], -1) / levels
    # rows of a batch may be rounded differently, which the recursion amplifies
    close = (1e-2 if dtype == torch.float32 else 1e-9) * waves[0].abs().max()
    assert (waves[0] - waves[1]).abs().max() < close
    alone = RTISI(max_iter=3, n_fft=128, window=window)
    parts = [alone.push(frame) for frame in spec.unbind(-1)]
    wave = torch.cat([*parts, alone.flush()])
    assert (waves[0] - wave).abs().max() < close


def test_a_guess_below_rounding_carries_no_gradient(speech):
    window = hann(64)
    spec = magnitude(speech[:600], 64, window=window)
    spectrum = (1e-20 * torch.randn(33, dtype=torch.complex128)).requires_grad_()

    class Faint:
        past = 0

        def __call__(self, _arrival, _geometry):
            return spectrum[None]

    for exact in (True, False):
        inverter = OnlineInverter(
            STFT.of(spec, window=window).geometry, look_ahead=0, asymmetric_window=False,
            max_iter=1, alpha=0.0, guess=Faint(), exact_gradient=exact,
        )  # fmt: skip
        state = inverter.begin(1)
        state, _ = inverter.push(state, spec[None, :, 9], torch.ones(1, dtype=torch.bool))
        value = state.committed.sum() + 0 * spectrum.abs().sum()
        (gradient,) = torch.autograd.grad(value, spectrum)
        assert gradient.abs().max() < (1e-12 if exact else 10)


class Noting:
    """A guess that looks back two frames beyond the active ones, and notes what it is shown."""

    past = 2

    def __init__(self):
        self.seen = []

    def __call__(self, arrival, geometry):
        self.seen.append(arrival)
        return LeastSquaresGuess()(arrival, geometry)


@pytest.mark.parametrize("look_ahead", [0, 2])
def test_another_guess_and_another_constraint(speech, look_ahead):
    window = hann(64)
    spec = magnitude(speech[:600], 64, window=window)
    geometry = STFT.of(spec, window=window).geometry
    run = {"look_ahead": look_ahead, "asymmetric_window": False, "max_iter": 2, "alpha": 0.5}
    noting = Noting()
    shapes = []

    def noted(target):
        shapes.append(target.shape)
        return Magnitude(target)

    finished = []
    for inverter in (
        OnlineInverter(geometry, **run),
        OnlineInverter(geometry, constraint=noted, guess=noting, **run),
    ):
        state = inverter.begin(1)
        samples = []
        for frame in spec.mT:
            state, part = inverter.push(state, frame[None], torch.ones(1, dtype=torch.bool))
            samples.append(part)
        finished.append(torch.cat(samples, -1))
    assert torch.equal(*finished)
    assert set(shapes) == {(1, 33, look_ahead + 1)}
    assert len(noting.seen) == len(spec.mT)
    for m, arrival in enumerate(noting.seen):
        places = 2 + look_ahead + 1
        assert arrival.wave.shape == (1, 64)
        for place in range(places):
            number = m - (places - 1) + place
            assert bool(arrival.present[0, place]) == (number >= 0)
            expected = spec[:, number] if number >= 0 else 0 * spec[:, 0]
            assert torch.equal(arrival.magnitude[0, place], expected)
            if place < places - 1:
                assert torch.allclose(arrival.estimate[0, place].abs(), expected)
        assert (arrival.estimate[0, -1] == 0).all()


def test_look_ahead_by_default_covers_the_window():
    assert RTISI(n_fft=256, window=hann(256)).latency == 2 * 64 + 256
    short = RTISI(n_fft=256, win_length=100, hop_length=25, window=hann(100), center=False)
    assert short.latency == 2 * 25 + 256
    assert RTISI(0, n_fft=256, window=hann(256)).latency == 256 - 64


def test_bad_input():
    spec = torch.rand(33, 20)
    keywords = {"window": hann(64), "verbose": False}
    with pytest.raises(SpecInvError, match="look_ahead=-2: expected a whole number of at least -1"):
        RTISI_LA(spec, look_ahead=-2, **keywords)
    with pytest.raises(SpecInvError, match="look_ahead=21 is more than the 20 frames"):
        RTISI_LA(spec, look_ahead=21, **keywords)
    with pytest.raises(SpecInvError, match="makes its own phase"):
        RTISI_LA(spec + 0j, **keywords)
    with pytest.raises(SpecInvError, match=r"alpha=-1"):
        RTISI_LA(spec, alpha=-1, **keywords)
    online = RTISI(n_fft=64, window=hann(64))
    with pytest.raises(SpecInvError, match=r"flush\(\) without a frame"):
        online.flush()
    with pytest.raises(SpecInvError, match="32 bins, expected 33"):
        online.push(torch.rand(32))
    with pytest.raises(SpecInvError, match="magnitude is complex"):
        online.push(torch.rand(33) + 0j)
    with pytest.raises(SpecInvError, match="negative"):
        online.push(-torch.rand(33))
    online.push(torch.rand(2, 33))
    with pytest.raises(SpecInvError, match=r"\(3,\), those before it \(2,\)"):
        online.push(torch.rand(3, 33))
    with pytest.raises(SpecInvError, match="n_fft=None"):
        RTISI(window=hann(64))
    with pytest.raises(SpecInvError, match="max_iter=0"):
        RTISI(n_fft=64, max_iter=0, window=hann(64))
    assert math.isfinite(float(online.push(torch.rand(2, 33)).abs().sum()))
