"""RTISI-LA: against a plain loop, and how good it is."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.conftest import hann, magnitude
from torch_specinv import RTISI_LA, STFT, SpecInvError, invert, metrics
from torch_specinv.comparing.signals import speech_like
from torch_specinv.online import RTISI


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


def test_bad_input():
    spec = torch.rand(33, 20)
    keywords = {"window": hann(64), "verbose": False}
    with pytest.raises(SpecInvError, match="look_ahead=-2: expected a whole number of at least -1"):
        RTISI_LA(spec, look_ahead=-2, **keywords)
    with pytest.raises(SpecInvError, match="look_ahead=21 is more than the 20 frames"):
        RTISI_LA(spec, look_ahead=21, **keywords)
    with pytest.raises(SpecInvError, match="rule='lbfgs' is no pointwise rule"):
        invert(spec, "rtisi_la", rule="lbfgs", **keywords)
    with pytest.raises(SpecInvError, match=r"guess='psgi'.*spsi"):
        invert(spec, "rtisi_la", guess="psgi", **keywords)
    with pytest.raises(SpecInvError, match="makes its own phase"):
        RTISI_LA(spec + 0j, **keywords)
    with pytest.raises(SpecInvError, match=r"alpha=-1"):
        RTISI_LA(spec, alpha=-1, **keywords)
    online = RTISI(n_fft=64, window=hann(64))
    with pytest.raises(SpecInvError, match=r"flush\(\) without a frame"):
        online.flush()
    with pytest.raises(SpecInvError, match=r"\(32,\): expected \(\.\.\., 33\) or"):
        online.push(torch.rand(32))
    with pytest.raises(SpecInvError, match="frames is complex"):
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
